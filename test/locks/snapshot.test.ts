import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/bytes/reader.js'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import type { Effect } from '../../src/locks/effects.js'
import { checkInvariants } from '../../src/locks/invariants.js'
import { LockMachine } from '../../src/locks/machine.js'
import { RecordKind } from '../../src/locks/snapshot/records.js'
import { OlderProgramError } from '../../src/raft/ports/older-program.js'
import type { SnapshotSource } from '../../src/raft/ports/store.js'
import { attachment, Bench, GENESIS, numbered, type Party, taken } from './harness.js'
import { choices, RUNS, Workload } from './workload.js'

/** A machine of another cluster with some state of its own, all of which a restore must replace (mutant M48). */
function elsewhere(): LockMachine {
  const genesis = { ...GENESIS, clusterId: 'other', nodeLeaseMs: 7_000, createdUnixSeconds: 5, members: [] }
  const machine = new LockMachine(genesis, { checkEachEntry: true })
  const conf = { voters: [9], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  machine.applyMembership(1, conf, [], new Uint8Array(0))
  machine.takeEffects()
  return machine
}

function drain(source: SnapshotSource, targetBytes: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let chunk = source.next(targetBytes); chunk !== null; chunk = source.next(targetBytes)) chunks.push(chunk)
  return chunks
}

function restored(chunks: readonly Uint8Array[], index: number): LockMachine {
  const machine = elsewhere()
  const restorer = machine.beginRestore()
  for (const chunk of chunks) restorer.push(chunk)
  restorer.end()
  restorer.finish(index)
  return machine
}

function applyEntry(machine: LockMachine, index: number, commands: readonly Command[]): void {
  for (const command of commands) machine.applyCommand(index, encodeCommand(command))
  machine.endEntry(index)
}

/** Two nodes; sessions of both kinds that hold and wait; one detached; answers stored. */
function populated(classics = 20): Bench {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  bench.nodeUp('n2', 200)
  const party = bench.open('n1', 100, { clientId: 'party', lingerMs: 5_000 })
  for (const [i, name] of ['c', 'b', 'a'].entries()) bench.lock(party, i + 1, name, { delayMs: 1_000, meta: 'mé ta' })
  bench.release(party, 4, 'none')
  const left = bench.open('n2', 200)
  bench.lock(left, 1, 'a', { waitMs: 900 })
  bench.lock(left, 2, 'b', { waitMs: -1 })
  bench.cancel(left, 3, 2)
  bench.apply({ type: CommandType.detach, ...attachment(left), fin: false, wallMs: 0, leaseOnly: false })
  for (let i = 0; i < classics; i++) bench.classic('n2', 200, `lock-${i % 15}`, { waitMs: -1, clientId: `c${i}` })
  return bench
}

describe('a snapshot', () => {
  test('leaves nothing of the state that it replaces (mutant M48)', () => {
    const source = populated()
    const replaced = new Bench()
    replaced.nodeUp('n1', 300)
    replaced.classic('n1', 300, 'gone')
    const restorer = replaced.machine.beginRestore()
    for (const chunk of drain(source.machine.snapshot(), 1_000)) restorer.push(chunk)
    restorer.end()
    restorer.finish(source.index)
    expect(replaced.machine.stateHash()).toBe(source.machine.stateHash())
    expect([...replaced.machine.inspect().locks.keys()].sort()).toEqual(
      [...source.machine.inspect().locks.keys()].sort(),
    )
  })

  test('restores to a state that is equal and goes on alike, whatever happened while it was produced', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(
        choices(300),
        fc.nat(300),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 6 }),
        (list, at, targetBytes, batch) => {
          const machine = new LockMachine(GENESIS, { checkEachEntry: true })
          const workload = new Workload(machine)
          const entries: Command[][] = []
          const effects: (readonly Effect[])[] = []
          let image: { source: SnapshotSource; index: number; hash: string; chunks: Uint8Array[] } | null = null
          let done = false
          for (let i = 0; i < list.length; i += batch) {
            const entry: Command[] = []
            for (const choice of list.slice(i, i + batch)) {
              const command = workload.next(choice)
              entry.push(command)
              machine.applyCommand(entries.length + 1, encodeCommand(command))
            }
            entries.push(entry)
            machine.endEntry(entries.length)
            effects.push(machine.takeEffects())
            if (image === null && i >= at % list.length) {
              const [index, hash] = [entries.length, machine.stateHash()]
              image = { source: machine.snapshot(), index, hash, chunks: [] }
            }
            if (image === null || done) continue
            const chunk = image.source.next(targetBytes)
            if (chunk === null) done = true
            else image.chunks.push(chunk)
          }
          if (image === null) return
          if (!done) image.chunks.push(...drain(image.source, targetBytes))
          const copy = restored(image.chunks, image.index)
          checkInvariants(copy)
          expect(copy.stateHash()).toBe(image.hash)
          for (let i = image.index; i < entries.length; i++) {
            applyEntry(copy, i + 1, entries[i] ?? [])
            expect(copy.takeEffects()).toEqual(effects[i])
          }
          expect(copy.stateHash()).toBe(machine.stateHash())
        },
      ),
      RUNS,
    )
  })

  describe('shows what was before each kind of change', () => {
    /** Somebody holds `a`, two wait for it, one of them detached; one lock is delayed; a classic session holds `c`. */
    function prepared() {
      const bench = new Bench()
      bench.nodeUp('n1', 100)
      bench.nodeUp('n2', 200)
      const [holder, waiter, left, lost] = [1, 2, 3, 4].map(() => bench.open('n1', 100)) as [Party, Party, Party, Party]
      bench.lock(holder, 1, 'a')
      bench.lock(lost, 1, 'delayed', { delayMs: 1_000 })
      const token = bench.token('delayed')
      bench.lock(waiter, 1, 'a', { waitMs: 500 })
      bench.lock(left, 1, 'a', { waitMs: 500 })
      for (const party of [left, lost])
        bench.apply({ type: CommandType.detach, ...attachment(party), fin: false, wallMs: 0, leaseOnly: false })
      bench.apply({ type: CommandType.expireSession, session: lost.session, attach: 1, wallMs: 0 })
      const classic = bench.classic('n2', 200, 'c')
      return { bench, holder, waiter, left, classic, token }
    }
    type Prepared = ReturnType<typeof prepared>

    const changes: Record<string, (p: Prepared) => unknown> = {
      'a new session': ({ bench }) => bench.open('n1', 100),
      'a new lock': ({ bench, holder }) => bench.lock(holder, 2, 'new'),
      'a new waiter': ({ bench }) => bench.classic('n2', 200, 'a', { waitMs: -1 }),
      'a release': ({ bench, holder }) => bench.release(holder, 2, 'a'),
      'a release that frees the lock': ({ bench, classic }) => bench.release(classic, -2, 'c'),
      'a cancel': ({ bench, waiter }) => bench.cancel(waiter, 2, 1),
      'a timeout': ({ bench, waiter }) =>
        bench.apply({ type: CommandType.waitTimeout, ...numbered(waiter), target: 1 }),
      'a timeout of a detached session': ({ bench, left }) =>
        bench.apply({ type: CommandType.detachedWaitTimeout, session: left.session, attach: 1, target: 1 }),
      'an acknowledgement': ({ bench, holder }) =>
        bench.apply({ type: CommandType.ack, ...numbered({ ...holder, ack: 1 }) }),
      'a detachment': ({ bench, holder }) =>
        bench.apply({ type: CommandType.detach, ...attachment(holder), fin: false, wallMs: 0, leaseOnly: false }),
      'a resume': ({ bench, left }) => bench.resume(left, 'n2', 200),
      'an expiry': ({ bench, left }) =>
        bench.apply({ type: CommandType.expireSession, session: left.session, attach: 1, wallMs: 0 }),
      'the end of a holder': ({ bench, holder }) =>
        bench.apply({ type: CommandType.end, ...attachment(holder), bye: true, wallMs: 0 }),
      'the end of a waiter': ({ bench, waiter }) =>
        bench.apply({ type: CommandType.end, ...attachment(waiter), bye: true, wallMs: 0 }),
      'the end of an epoch': ({ bench }) => bench.apply({ type: CommandType.expireNode, node: 'n1', epoch: 100 }),
      'the end of a delay': ({ bench, token }) => bench.apply({ type: CommandType.delayOver, name: 'delayed', token }),
      'a new epoch': ({ bench }) => bench.nodeUp('n1', 101, 100, 100),
    }

    test.each(Object.entries(changes))('%s', (_what, change) => {
      const state = prepared()
      const { machine, index } = state.bench
      const hash = machine.stateHash()
      const source = machine.snapshot()
      change(state)
      expect(machine.stateHash()).not.toBe(hash)
      expect(restored(drain(source, 100), index).stateHash()).toBe(hash)
    })
  })

  test('carries an unfinished sweep, which goes on in the same order', () => {
    const bench = populated(0)
    for (let i = 0; i < 700; i++) bench.classic('n1', 100, `held-${i}`)
    for (let i = 0; i < 700; i++) bench.classic('n2', 200, `held-${i}`, { waitMs: -1 })
    bench.apply({ type: CommandType.expireNode, node: 'n1', epoch: 100 })
    expect(bench.machine.sweepPending()).toBe(true)
    const source = bench.machine.snapshot()
    const hash = bench.machine.stateHash()
    const first = source.next(100)
    const index = bench.index
    const during = bench.apply()
    const copy = restored([first ?? new Uint8Array(0), ...drain(source, 1_000)], index)
    expect(copy.stateHash()).toBe(hash)
    copy.endEntry(index + 1)
    expect(taken(copy)).toEqual(during)
    expect(copy.stateHash()).toBe(bench.machine.stateHash())
  })

  test('replaces everything: nothing of the state before is left (mutant M48)', () => {
    const bench = populated()
    const chunks = drain(bench.machine.snapshot(), 1_000)
    const before = populated(200)
    before.classic('n2', 300, 'nowhere else')
    const target = before.machine
    const restorer = target.beginRestore()
    for (const chunk of chunks) restorer.push(chunk)
    expect(target.waiterCount).not.toBe(bench.machine.waiterCount)
    restorer.end()
    restorer.finish(bench.index)
    checkInvariants(target)
    expect(target.stateHash()).toBe(bench.machine.stateHash())
    expect(restored(chunks, bench.index)).toMatchObject({ clusterId: 'test-cluster', nodeLeaseMs: 10_000 })
    expect(restored(chunks, bench.index).members()).toEqual(bench.machine.members())
  })

  test('may be cut anywhere on the way', () => {
    const bench = populated()
    const chunks = drain(bench.machine.snapshot(), 10_000)
    const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
    for (const size of [1, 2, 7, 100]) {
      const cut = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size),
      )
      expect(restored(cut, bench.index).stateHash()).toBe(bench.machine.stateHash())
    }
  })

  test('comes in chunks of the size asked for', () => {
    const sizes = drain(populated(100).machine.snapshot(), 500).map((chunk) => chunk.length)
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500)
  })

  test('one at a time; an aborted one makes room', () => {
    const bench = populated()
    const source = bench.machine.snapshot()
    expect(() => bench.machine.snapshot()).toThrow(/one snapshot/)
    source.next(10)
    source.abort()
    expect(source.next(10)).toBeNull()
    const again = bench.machine.snapshot()
    source.abort()
    bench.classic('n2', 200, 'new')
    expect(drain(again, 1_000).length).toBeGreaterThan(0)
  })

  test('goes on with the old state when a restore replaces it meanwhile', () => {
    const bench = populated()
    const hash = bench.machine.stateHash()
    const other = drain(populated(50).machine.snapshot(), 1_000)
    const source = bench.machine.snapshot()
    const first = source.next(50)
    const restorer = bench.machine.beginRestore()
    for (const chunk of other) restorer.push(chunk)
    restorer.end()
    restorer.finish(bench.index)
    const rest = drain(source, 1_000)
    expect(restored([first ?? new Uint8Array(0), ...rest], bench.index).stateHash()).toBe(hash)
    expect(drain(bench.machine.snapshot(), 1_000).length).toBeGreaterThan(0)
  })
})

describe('a damaged snapshot is refused and changes nothing', () => {
  const bench = populated()
  const bytes = Uint8Array.from(drain(bench.machine.snapshot(), 1_000).flatMap((chunk) => [...chunk]))

  function restoreInto(machine: LockMachine, stream: Uint8Array): void {
    const restorer = machine.beginRestore()
    restorer.push(stream)
    restorer.end()
    restorer.finish(1)
  }

  test('cut short at any byte', () => {
    const machine = elsewhere()
    const hash = machine.stateHash()
    for (let length = 0; length < bytes.length; length++) {
      expect(() => restoreInto(machine, bytes.slice(0, length))).toThrow(FormatError)
    }
    expect(machine.stateHash()).toBe(hash)
  })

  test('continued after its end', () => {
    expect(() => restoreInto(elsewhere(), Uint8Array.from([...bytes, 2, 0, 0, 0, 7, 0]))).toThrow(/snapshot: /)
  })

  test('garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(() => restoreInto(elsewhere(), garbage)).toThrow(FormatError)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    { what: 'a record is missing', drop: 1 },
    { what: 'the header is missing', drop: 0 },
  ])('$what', ({ drop }) => {
    const records = recordsOf(bytes)
    const sessions = records.findIndex((record) => record[4] === RecordKind.session)
    const kept = records.filter((_, i) => i !== (drop === 0 ? 0 : sessions))
    expect(() => restoreInto(elsewhere(), Uint8Array.from(kept.flatMap((record) => [...record])))).toThrow(FormatError)
  })

  test('of a newer program', () => {
    const changed = bytes.slice()
    changed[5] = 9
    expect(() => restoreInto(elsewhere(), changed)).toThrow(OlderProgramError)
  })
})

/** Splits a stream into its records, each with its length in front. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0)
    records.push(bytes.slice(at, end))
    at = end
  }
  return records
}

test('the hash tells states apart', () => {
  const hashes = new Set<string>()
  const bench = populated()
  const steps: (() => void)[] = [
    () => undefined,
    () => bench.classic('n1', 100, 'one-more'),
    () => bench.nodeUp('n3', 300),
    () => bench.open('n3', 300),
    () => bench.apply({ type: CommandType.nodeDown, node: 'n3', epoch: 300 }),
  ]
  for (const step of steps) {
    step()
    hashes.add(bench.machine.stateHash())
  }
  expect(hashes.size).toBe(steps.length)
})
