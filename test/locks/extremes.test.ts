/**
 * Commands whose numbers are as large or as small as the log can hold: whatever a hostile or faulty client or node has got
 * into it, every node goes on, and the state can be written and read back. A log may hold such numbers already.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { attachment, Bench, GENESIS, numbered, type Party } from './harness.js'
import { RUNS } from './workload.js'

const MAX = Number.MAX_SAFE_INTEGER
const natural = fc.constantFrom(0, 1, 2, 3, 1_000, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 40 + 1, 2 ** 52, MAX - 1, MAX)
const signed = fc.constantFrom(0, 1, 2, 3, -1, -2, 2 ** 31, 2 ** 52 - 1, -(2 ** 52))
const name = fc.constantFrom('a', 'b')

const request = { name, waitMs: signed, meta: fc.constantFrom('', 'm'), delayMs: natural, wallMs: natural }
const opening = { node: fc.constant('n1'), epoch: fc.constant(100), conn: natural, floor: natural }
/** Completed with the header of a session that exists. */
const numberedParts = fc.oneof(
  fc.record({ type: fc.constant(CommandType.lock), request: signed, ack: natural, ...request }),
  fc.record({ type: fc.constant(CommandType.release), request: signed, ack: natural, name, token: natural }),
  fc.record({ type: fc.constant(CommandType.cancel), request: signed, ack: natural, target: signed }),
  fc.record({ type: fc.constant(CommandType.waitTimeout), target: signed, ack: natural }),
  fc.record({ type: fc.constant(CommandType.ack), ack: natural }),
)
const whole = fc.oneof(
  fc.record({
    type: fc.constant(CommandType.open),
    ...opening,
    clientId: fc.constant(''),
    leaseMs: natural,
    lingerMs: natural,
    secretHash: fc.constant('secret'),
  }),
  fc.record({ type: fc.constant(CommandType.openClassic), ...opening, clientId: fc.constant(''), ...request }),
  fc.record({
    type: fc.constant(CommandType.nodeUp),
    node: fc.constant('n2'),
    epoch: natural,
    expected: natural,
    dead: natural,
    address: fc.constant('n2:1'),
    peer: fc.constantFrom('', 'n2:2'),
    programLevel: natural,
  }),
  fc.record({ type: fc.constant(CommandType.expireSession), session: natural, attach: natural }),
  fc.record({ type: fc.constant(CommandType.delayOver), name, token: natural }),
  fc.record({ type: fc.constant(CommandType.left), session: natural, attach: natural, leftMs: natural }),
  fc.record({
    type: fc.constant(CommandType.waitsLeft),
    session: natural,
    attach: natural,
    waits: fc.array(fc.record({ request: signed, leftMs: natural }), { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant(CommandType.delayLeft), name, token: natural, leftMs: natural }),
)
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('numbered' as const), parts: numberedParts }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('whole' as const), command: whole }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), attempt: natural }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('detach' as const), fin: fc.boolean() }) },
  ),
  { maxLength: 40, size: 'max' },
)

/** The machine that a snapshot of `bench` makes. */
function copyOf(bench: Bench): LockMachine {
  const copy = new LockMachine(GENESIS, { checkEachEntry: true })
  const restorer = copy.beginRestore()
  const source = bench.machine.snapshot()
  for (let chunk = source.next(1_000); chunk !== null; chunk = source.next(1_000)) restorer.push(chunk)
  restorer.end()
  restorer.finish(bench.index)
  return copy
}

test('no number in the log keeps a node from going on or from writing and reading its state', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const bench = new Bench()
      bench.nodeUp('n1', 100)
      let party: Party = bench.open('n1', 100, { lingerMs: 1_000 })
      let isAttached = true
      const resume = (attempt: number): void => {
        const attach = bench.machine.session(party.session)?.attach
        const next = bench.resume(party, 'n1', 100, 'secret', attempt).party
        if (next.attach !== attach) isAttached = true
        party = next.attach === attach ? party : next
      }
      for (const step of list) {
        if (step.kind === 'whole') bench.apply(step.command as Command)
        else if (step.kind === 'resume') resume(step.attempt)
        else if (step.kind === 'detach') {
          bench.apply({ type: CommandType.detach, ...attachment(party), fin: step.fin, wallMs: 0, leaseOnly: false })
          isAttached = false
        } else {
          if (!isAttached) resume(0)
          bench.apply({ ...numbered(party), ...step.parts } as Command)
        }
      }
      const copy = copyOf(bench)
      expect(copy.stateHash()).toBe(bench.machine.stateHash())
      // The copy goes on as the others do.
      if (bench.machine.session(party.session) === null) return
      resume(0)
      const again: Command = { type: CommandType.lock, ...numbered(party), request: 77, ...plain('new') }
      copy.applyCommand(bench.index, encodeCommand({ ...again, n: 0 } as Command))
      bench.apply(again)
      expect(copyOf(bench).stateHash()).toBe(bench.machine.stateHash())
    }),
    { ...RUNS, numRuns: RUNS.numRuns * 5 },
  )
})

function plain(lock: string) {
  return { name: lock, waitMs: 0, meta: '', delayMs: 0, wallMs: 5 }
}

test('an acknowledgement of what was never asked takes no later answer away', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const party = bench.open('n1', 100)
  bench.lock(party, 1, 'a')
  bench.apply({ type: CommandType.ack, ...numbered(party), ack: MAX })
  expect(bench.machine.session(party.session)?.lowestUnacknowledged).toBe(2)
  expect(bench.lock(party, 2, 'b').some(([kind]) => kind === 'answered')).toBe(true)
  copyOf(bench)
})

test('a session that was resumed two million times still asks without ids', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const party = bench.open('n1', 100)
  const session = bench.machine.inspect().sessions.get(party.session)
  if (session === undefined) throw new Error('no session')
  session.attach = 2 ** 21
  const resumed = bench.resume(party, 'n1', 100).party
  expect(bench.lock(resumed, -1, 'a').some(([kind]) => kind === 'answered')).toBe(true)
  copyOf(bench)
})
