/** What an entry means for others is said in the order of its commands, once, and as it was at that moment. */
import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { attachment, Bench, essential, kinds, numbered, type Party, taken } from './harness.js'

const release = (party: Party, request: number, name: string): Command => ({
  type: CommandType.release,
  ...numbered(party),
  request,
  name,
  token: 0,
  done: false,
  wallMs: 0,
})

const end = (party: Party): Command => ({ type: CommandType.end, ...attachment(party), bye: true, wallMs: 0 })

function twoSessions() {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  return { bench, holder: bench.open('n1', 100), waiter: bench.open('n1', 100) }
}

describe('effects', () => {
  test('come in the order of the commands of their entry', () => {
    const { bench, holder, waiter } = twoSessions()
    bench.lock(holder, 1, 'x')
    bench.lock(waiter, 1, 'x', { waitMs: -1 })
    const told = essential(bench.apply(release(holder, 2, 'x'), end(waiter), end(holder)))
    const where = { node: 'n1', epoch: 100 }
    expect(told).toEqual([
      ['answered', { ...where, conn: 1 }, holder.session, 2, { kind: 'released', name: 'x' }],
      ['answered', { ...where, conn: 2 }, waiter.session, 1, expect.objectContaining({ kind: 'granted', name: 'x' })],
      ['ended', { ...where, conn: 2 }, waiter.session],
      ['ended', { ...where, conn: 1 }, holder.session],
    ])
  })

  test('are taken once, and none are left for the next entry', () => {
    const { bench, holder } = twoSessions()
    bench.machine.applyCommand(50, encodeCommand(end(holder)))
    bench.machine.endEntry(50)
    expect(kinds(taken(bench.machine))).toEqual(['ended'])
    expect(bench.machine.takeEffects()).toEqual([])
  })

  test('of the sweep at the end of an entry belong to that entry', () => {
    const { bench } = twoSessions()
    expect(kinds(bench.apply({ type: CommandType.nodeDown, node: 'n1', epoch: 100 }))).toEqual([
      'epochEnded',
      'detached',
      'detached',
    ])
  })

  test('say what a resume left, not what the entry did afterwards', () => {
    const { bench, holder, waiter } = twoSessions()
    bench.lock(holder, 1, 'x')
    bench.lock(waiter, 1, 'x', { waitMs: -1 })
    const opening = { node: 'n1', epoch: 100, conn: bench.nextConn(), floor: 1 }
    const resume: Command = {
      type: CommandType.resume,
      ...opening,
      session: waiter.session,
      secretHash: 'secret',
      identity: '',
      asAnyone: false,
      attempt: 0,
    }
    bench.index += 1
    const before: Command = { type: CommandType.ack, ...numbered(holder) }
    for (const command of [before, resume, end(holder)]) bench.machine.applyCommand(bench.index, encodeCommand(command))
    bench.machine.endEntry(bench.index)
    const effects = bench.machine.takeEffects().filter(({ kind }) => kind !== 'event')
    expect(effects.map(({ kind }) => kind)).toEqual(['applied', 'superseded', 'resumed', 'answered', 'ended'])
    const resumed = effects.find((effect) => effect.kind === 'resumed')
    expect(resumed?.kind === 'resumed' && resumed.view).toMatchObject({
      session: waiter.session,
      attach: 2,
      held: [],
      queued: [{ request: 1, name: 'x', position: 1 }],
    })
    expect(bench.machine.session(waiter.session)).toMatchObject({ held: [{ name: 'x' }], queued: [] })
  })
})
