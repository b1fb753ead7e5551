/** What the simulator found, each in the smallest form that shows it again. */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import type { Clock } from '../../src/platform.js'
import { type Message, MsgType } from '../../src/raft/core/messages.js'
import { APPEND_THREAD, EMPTY_BYTES, EntryType } from '../../src/raft/core/types.js'
import { AppendLoop } from '../../src/raft/node/append-loop.js'
import { judgePeer } from '../../src/raft/node/membership/peer-verdict.js'
import type { LogBatch, LogStore } from '../../src/raft/ports/store.js'
import { DeadlineQueue } from '../../src/service/deadline-queue.js'
import { SilenceWatch } from '../../src/service/sessions/silence-watch.js'
import { helloOf } from '../kit/hello.js'
import { Bench, GENESIS, numbered } from '../locks/harness.js'

const LEASE_MS = 3_000
const MANY = 1_000

/** A time of the last sign of life for which the sums of clock readings come out a fraction short. */
function unluckyTime(checkedAtMs: number): number {
  for (let tenths = 1; tenths < 10 * LEASE_MS; tenths++) {
    const heardAtMs = tenths / 10
    const dueMs = checkedAtMs + (LEASE_MS - (checkedAtMs - heardAtMs))
    const leftMs = LEASE_MS - (dueMs - heardAtMs)
    if (leftMs > 0 && dueMs + leftMs === dueMs) return heardAtMs
  }
  throw new Error('every sum is exact')
}

const storageMessage = (part: Partial<Message>): Message => ({
  type: MsgType.storageAppend,
  to: APPEND_THREAD,
  from: 1,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  vote: 0,
  snapshot: null,
  reject: false,
  rejectHint: 0,
  context: EMPTY_BYTES,
  responses: [],
  ...part,
})

describe('found by the simulator', () => {
  it('a commit index that came alone is stored with the next entries, or a restart forgets two changes (seed 190)', () => {
    const batches: LogBatch[] = []
    const store = {
      append: async (batch: LogBatch) => void batches.push(batch),
    } as unknown as LogStore
    const hardState = { term: 3, vote: 1, commit: 10 }
    const clock = { takerNow: () => 0 } as unknown as Clock
    const nothing = () => undefined
    const loop = new AppendLoop(store, async () => nothing, hardState, clock, nothing, nothing, nothing)
    loop.push(storageMessage({ term: 3, vote: 1, commit: 11 }))
    loop.kick()
    expect(batches).toEqual([])
    loop.push(storageMessage({ entries: [{ index: 12, term: 3, type: EntryType.confChangeV2, data: EMPTY_BYTES }] }))
    loop.kick()
    expect(batches.map((batch) => batch.hardState?.commit)).toEqual([11])
  })

  it('the commit index of a membership change is stored at once, and once (survivors of a removal must know of it)', async () => {
    const batches: LogBatch[] = []
    const store = {
      append: async (batch: LogBatch) => void batches.push(batch),
    } as unknown as LogStore
    const clock = { takerNow: () => 0 } as unknown as Clock
    const nothing = () => undefined
    const durable = { term: 3, vote: 1, commit: 10 }
    const loop = new AppendLoop(store, async () => nothing, durable, clock, nothing, nothing, nothing)
    loop.push(storageMessage({ term: 3, vote: 1, commit: 11 }))
    loop.kick()
    expect(batches).toEqual([])
    loop.storeCommit()
    loop.kick()
    await new Promise(setImmediate)
    loop.kick()
    expect(batches.map((batch) => batch.hardState?.commit)).toEqual([11])
  })

  it('a restored replica names the same cycle as one that applied everything (seed 5021)', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 7)
    const [asker, other, holder] = [bench.open('n1', 7), bench.open('n1', 7), bench.open('n1', 7)]
    bench.lock(holder, 1, 'c')
    bench.lock(holder, 2, 'e')
    bench.lock(other, 1, 'a')
    // The waits begin in another order than the locks were made in, which is the order of a snapshot.
    for (const [request, name] of [
      [1, 'e'],
      [2, 'c'],
    ] as const) {
      bench.lock(asker, request, name, { waitMs: -1 })
      bench.lock(other, request + 1, name, { waitMs: -1 })
    }
    const copy = new LockMachine(GENESIS)
    const restorer = copy.beginRestore()
    const image = bench.machine.snapshot()
    for (let chunk = image.next(LEASE_MS); chunk !== null; chunk = image.next(LEASE_MS)) restorer.push(chunk)
    restorer.end()
    restorer.finish(bench.index)
    const ask = encodeCommand({
      type: CommandType.lock,
      ...numbered(asker),
      request: 3,
      name: 'a',
      waitMs: -1,
      meta: '',
      delayMs: 0,
      wallMs: 1,
    })
    for (const machine of [bench.machine, copy]) {
      machine.applyCommand(bench.index + 1, ask)
      machine.endEntry(bench.index + 1)
    }
    expect(bench.machine.session(asker.session)?.answers.at(-1)?.[1]).toMatchObject({ code: 'deadlock' })
    expect(copy.stateHash()).toBe(bench.machine.stateHash())
  })

  it('a silent client whose lease ends a rounding error later does not hang the event loop (seed 81)', () => {
    let nowMs = 0
    let fire: () => void = () => undefined
    const clock = {
      takerNow: () => nowMs,
      after: (_delayMs: number, run: () => void) => {
        fire = run
        return { cancel: () => undefined }
      },
      soon: (run: () => void) => run(),
    } as unknown as Clock
    let runs = 0
    const deadlines = new DeadlineQueue<() => void>(clock, (run) => {
      if (++runs > MANY) throw new Error('the same deadline again and again')
      run()
    })
    let silent = false
    const watch = new SilenceWatch(clock, deadlines, () => {
      silent = true
    })
    watch.start(LEASE_MS)
    const heardAtMs = unluckyTime(LEASE_MS)
    nowMs = heardAtMs
    watch.heard()
    nowMs = LEASE_MS
    fire()
    nowMs = LEASE_MS + (LEASE_MS - (LEASE_MS - heardAtMs))
    fire()
    nowMs += 2
    fire()
    expect(silent).toBe(true)
  })

  it('a follower that missed an addition lets the new member in: it may lead now (seed 27)', () => {
    const hello = helloOf({ nodeId: 'n3', raftId: 3, memberUid: '3' })
    const view = {
      hello,
      leads: false,
      knowledge: () => 'unsure' as const,
      admitsOnlyMembers: false,
      forgottenBy: () => null,
      member: () => null,
      phase: 'running',
    } as const
    expect(judgePeer(view, { ...hello, nodeId: 'n5', raftId: 1_082, memberUid: '5' })).toEqual({ accept: true })
  })

  it('a leader that no quorum has confirmed turns nobody away for good (seed 19)', () => {
    const hello = helloOf({ nodeId: 'n2', raftId: 2, memberUid: '2' })
    const view = {
      hello,
      leads: true,
      knowledge: () => 'unsure' as const,
      admitsOnlyMembers: false,
      forgottenBy: () => null,
      member: () => null,
      phase: 'running',
    } as const
    const verdict = judgePeer(view, { ...hello, nodeId: 'n8', raftId: 1_037, memberUid: '8' })
    expect(verdict).toMatchObject({ accept: false, refusal: { isFinal: false } })
  })
})
