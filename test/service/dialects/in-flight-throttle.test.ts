import { expect, it } from 'vitest'
import { InFlightThrottle } from '../../../src/service/dialects/in-flight-throttle.js'
import { SESSION_IN_FLIGHT_MAX_COMMANDS as MOST } from '../../../src/service/limits.js'

it('reading stops when too much is under way, and goes on once half of it is decided', () => {
  const seen: string[] = []
  const throttle = new InFlightThrottle((paused) => seen.push(paused ? 'stop' : 'go'))
  throttle.look(MOST - 1)
  expect(seen).toEqual([])
  throttle.look(MOST)
  throttle.look(MOST + 1)
  throttle.look(MOST - 1)
  throttle.look(MOST / 2)
  expect(seen).toEqual(['stop'])
  throttle.look(MOST / 2 - 1)
  throttle.look(0)
  expect(seen).toEqual(['stop', 'go'])
  throttle.look(MOST)
  expect(seen).toEqual(['stop', 'go', 'stop'])
})
