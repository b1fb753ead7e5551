import { expect, it } from 'vitest'
import { started } from './kit/session-helpers.js'

it('an operator is told of a request that waits unexamined, by a counter and a line of the log', () => {
  const { service, logged } = started().node(0)
  expect(service.stats().counters.unexamined).toBe(0)
  service.effects.route([{ kind: 'unexamined', session: 7, name: 'x' }])
  service.effects.route([{ kind: 'unexamined', session: 7, name: 'x' }])
  expect(service.stats().counters.unexamined).toBe(2)
  const lines = logged.filter(({ event }) => event.includes('waits unexamined'))
  const line = expect.objectContaining({ level: 'warn', facts: { session: 7, lock: 'x' } })
  expect(lines).toEqual([line, line])
})
