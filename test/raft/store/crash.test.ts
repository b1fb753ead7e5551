import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import type { Entry, HardState, SnapshotMetadata } from '../../../src/raft/core/types.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { formatOfLevel } from '../../../src/raft/store/data-directory.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { Crash, MemoryDisk } from '../../../src/testing/memory-disk.js'
import { chunksOf, entries, entry, metadata, plain, readChunks, sourceOf } from './helpers.js'

const NEXT_LEVEL = FEATURE_LEVEL + 1

const DIRECTORY = '/data'

/** The plain model: an array of entries and a few values. */
interface Model {
  readonly hardState: HardState
  readonly prev: { readonly index: number; readonly term: number }
  readonly entries: readonly Entry[]
  readonly snapshot: SnapshotMetadata | null
  readonly record: string | null
}

const EMPTY: Model = {
  hardState: { term: 0, vote: 0, commit: 0 },
  prev: { index: 0, term: 0 },
  entries: [],
  snapshot: null,
  record: null,
}

type Action =
  | {
      readonly kind: 'append'
      readonly back: number
      readonly count: number
      readonly newTerm: boolean
      readonly commit: number
    }
  | { readonly kind: 'commit'; readonly by: number }
  | { readonly kind: 'save'; readonly back: number }
  | { readonly kind: 'compact'; readonly back: number }
  | { readonly kind: 'install'; readonly ahead: number }
  | { readonly kind: 'record'; readonly value: string | null }
  | { readonly kind: 'restart' }

const small = fc.nat(6)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      back: small,
      count: fc.integer({ min: 1, max: 6 }),
      newTerm: fc.boolean(),
      commit: small,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit' as const), by: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('save' as const), back: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('install' as const), ahead: small }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('record' as const), value: fc.option(fc.string({ maxLength: 3 })) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

const lastIndex = ({ prev, entries }: Model): number => prev.index + entries.length
const termAt = ({ prev, entries }: Model, index: number): number | undefined =>
  index === prev.index ? prev.term : entries[index - prev.index - 1]?.term

/** What `step` leads to, and the calls that make it so; null if it makes no sense now. */
function plan(model: Model, step: Action): { next: Model; run: (store: LogStore) => Promise<void> } | null {
  const { hardState, prev } = model
  const last = lastIndex(model)
  switch (step.kind) {
    case 'append': {
      const first = Math.max(hardState.commit + 1, last + 1 - step.back)
      const term = Math.max(1, hardState.term + (step.newTerm || first <= last ? 1 : 0))
      const list = Array.from({ length: step.count }, (_, i) => entry(first + i, term))
      const commit = Math.max(hardState.commit, Math.min(first + step.count - 1, hardState.commit + step.commit))
      const state = { term, vote: 1, commit }
      const entries = [...model.entries.slice(0, first - prev.index - 1), ...list]
      return {
        next: { ...model, hardState: state, entries },
        run: (store) => store.append({ hardState: state, entries: list, mustSync: true }),
      }
    }
    case 'commit': {
      const state = { ...hardState, commit: Math.min(last, hardState.commit + step.by) }
      return {
        next: { ...model, hardState: state },
        run: (store) => store.append({ hardState: state, entries: [], mustSync: false }),
      }
    }
    case 'save': {
      const index = hardState.commit - step.back
      const term = termAt(model, index)
      if (term === undefined || index <= (model.snapshot?.index ?? 0)) return null
      const snapshot = metadata(index, term)
      return {
        next: { ...model, snapshot },
        run: (store) => store.saveSnapshot(snapshot, sourceOf(chunksOf(2, index + 1))),
      }
    }
    case 'compact':
      // Which blocks go is the store's affair: the comparison allows any start up to the snapshot.
      return { next: model, run: (store) => store.compact(Math.max(0, (model.snapshot?.index ?? 0) - step.back)) }
    case 'install': {
      const index = Math.max(last, hardState.commit + 1) + step.ahead
      const snapshot = metadata(index, hardState.term + 1)
      const state = { term: hardState.term + 1, vote: 0, commit: index }
      return {
        next: { ...model, hardState: state, prev: { index, term: snapshot.term }, entries: [], snapshot },
        run: async (store) => {
          await store.saveSnapshot(snapshot, sourceOf(chunksOf(2, index + 1)))
          await store.installSnapshot(snapshot, state)
        },
      }
    }
    case 'record':
      return {
        next: { ...model, record: step.value },
        run: (store) => store.putRecord('r', step.value === null ? null : Buffer.from(step.value)),
      }
    case 'restart':
      return { next: model, run: async () => undefined }
  }
}

/**
 * The model as `store` loaded it, or what is wrong. Free are only: which entries below the snapshot were compacted, and
 * how much of the commit index, from what was synced last (`commitFloor`) to what was written.
 */
async function compare(store: LogStore, model: Model, commitFloor: number): Promise<Model | string> {
  const { loaded } = store
  const start = loaded.prevIndex
  const { term, vote, commit } = loaded.hardState
  if (start < model.prev.index) return 'it starts too early'
  if (start > Math.max(model.prev.index, model.snapshot?.index ?? 0)) return 'entries after the snapshot are gone'
  if (commit < commitFloor || commit > model.hardState.commit) return `the commit index is ${commit}`
  const record = await store.getRecord('r')
  const seen = {
    term,
    vote,
    prevTerm: loaded.prevTerm,
    entries: plain(loaded.entries),
    snapshot: loaded.snapshot,
    record: record === null ? null : Buffer.from(record).toString(),
  }
  const expected = {
    term: model.hardState.term,
    vote: model.hardState.vote,
    prevTerm: termAt(model, start),
    entries: plain(model.entries.slice(start - model.prev.index)),
    snapshot: model.snapshot,
    record: model.record,
  }
  if (JSON.stringify(seen) !== JSON.stringify(expected)) return JSON.stringify({ seen, expected })
  return { ...model, hardState: loaded.hardState }
}

/** A member that lives through crashes, held against the model. */
class Member {
  readonly disk: MemoryDisk
  model = EMPTY
  #next = EMPTY
  #commitFloor = 0
  crashes = 0

  constructor(chance: (bound: number) => number) {
    this.disk = new MemoryDisk(chance)
  }

  async open(): Promise<LogStore> {
    const store = await openStore(DIRECTORY, { disk: this.disk })
    const problems: string[] = []
    for (const possible of [this.model, this.#next]) {
      const found = await compare(store, possible, Math.min(this.#commitFloor, possible.hardState.commit))
      if (typeof found === 'string') problems.push(found)
      else {
        this.#settle(found, true)
        return store
      }
    }
    throw new Error(`neither what was acknowledged nor what was in flight:\n${problems.join('\n')}`)
  }

  /** Runs `actions` until a crash after `steps` steps of the disk; what is left of them stays in the list. */
  async runUntilCrash(actions: Action[], steps: number): Promise<void> {
    let store = await this.open()
    this.disk.stepsToCrash = steps
    try {
      for (let action = actions.shift(); action !== undefined; action = actions.shift()) {
        if (action.kind === 'restart') {
          await store.close()
          store = await this.open()
          continue
        }
        const planned = plan(this.model, action)
        if (planned === null) continue
        this.#next = planned.next
        await planned.run(store)
        this.#settle(planned.next, action.kind === 'append' || action.kind === 'install' || action.kind === 'record')
      }
      await store.close()
    } catch (error) {
      if (!(error instanceof Error) || !(error.cause instanceof Crash)) throw error
      this.crashes++
    }
    this.disk.restart()
  }

  #settle(model: Model, isSynced: boolean): void {
    this.model = model
    this.#next = model
    if (isSynced) this.#commitFloor = model.hardState.commit
  }
}

it('after a crash at any step everything acknowledged is there, and a write in flight whole or not at all', {
  timeout: 120_000,
}, async () => {
  let crashes = 0
  const actions = fc.array(action, { minLength: 1, maxLength: 25 })
  const crashSteps = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 })
  const property = fc.asyncProperty(actions, crashSteps, fc.infiniteStream(fc.nat()), async (list, steps, random) => {
    const member = new Member((bound) => (random.next().value ?? 0) % bound)
    const queue = [...list]
    for (const count of [...steps, Number.POSITIVE_INFINITY]) await member.runUntilCrash(queue, count)
    const store = await member.open()
    const { snapshot } = member.model
    if (snapshot !== null) {
      expect(await readChunks(store, snapshot.index, snapshot.term)).toEqual(chunksOf(2, snapshot.index + 1))
    }
    await store.close()
    crashes += member.crashes
  })
  // A failure prints the seed and the path that repeat it.
  await fc.assert(property, { numRuns: 500 })
  expect(crashes).toBeGreaterThan(100)
})

it('a crash at any step of the creation leaves a directory that opens', async () => {
  const count = new MemoryDisk(() => 0)
  const whole = await openStore(DIRECTORY, { disk: count })
  const { steps } = count
  await whole.close()
  for (let step = 1; step <= steps; step++) {
    for (let seed = 0; seed < 20; seed++) {
      let state = seed * 7919 + step
      const disk = new MemoryDisk((bound) => {
        state = (state * 1103515245 + 12345) % 2147483648
        return (state >> 8) % bound
      })
      disk.stepsToCrash = step
      await expect(openStore(DIRECTORY, { disk }), `step ${step}`).rejects.toThrow()
      disk.restart()
      const store = await openStore(DIRECTORY, { disk })
      expect(store.loaded).toMatchObject({ entries: [], hardState: { term: 0, vote: 0, commit: 0 } })
      await store.close()
    }
  }
})

it('a crash at any step of the rise to the next level loses nothing', async () => {
  for (let step = 1; step <= 20; step++) {
    for (const luck of [0, 1]) {
      const disk = new MemoryDisk((bound) => luck % bound)
      const older = await openStore(DIRECTORY, { disk })
      await older.append({ hardState: { term: 1, vote: 1, commit: 3 }, entries: entries(1, 3), mustSync: true })
      await older.close()
      const newer = await openStore(DIRECTORY, { disk, programLevel: NEXT_LEVEL })
      disk.stepsToCrash = step
      await newer.raiseLevel(NEXT_LEVEL).catch(() => undefined)
      disk.restart()
      const store = await openStore(DIRECTORY, { disk, programLevel: NEXT_LEVEL })
      expect(plain(store.loaded.entries), `step ${step}`).toEqual(plain(entries(1, 3)))
      // As at each start of a node: its state has that level.
      await store.raiseLevel(NEXT_LEVEL)
      await store.close()
      disk.restart()
      await expect(openStore(DIRECTORY, { disk })).rejects.toThrow(`format version ${formatOfLevel(NEXT_LEVEL)}`)
    }
  }
})

it('what a start finds in the page cache is made durable before it is built upon', async () => {
  // Every rename and removal that was not synced is undone by a power loss.
  const liveTwice = async (crashStep: number): Promise<boolean> => {
    const disk = new MemoryDisk(() => 0)
    const process = async (steps: number) => {
      disk.stepsToCrash = steps
      const store = await openStore(DIRECTORY, { disk })
      if (store.loaded.entries.length === 0) {
        await store.append({ hardState: { term: 1, vote: 1, commit: 9 }, entries: entries(1, 9), mustSync: true })
      }
      await store.saveSnapshot(metadata(9), sourceOf(chunksOf(2, 9)))
      await store.compact(9)
      await store.close()
    }
    const hasCrashed = await process(crashStep).then(
      () => false,
      () => true,
    )
    disk.processEnded()
    const next = await openStore(DIRECTORY, { disk })
    const { snapshot } = next.loaded
    if (snapshot !== null) await next.compact(9)
    await next.close()
    disk.restart()
    const store = await openStore(DIRECTORY, { disk })
    expect(store.loaded.snapshot, `after a crash at step ${crashStep}`).toEqual(snapshot)
    await store.close()
    return hasCrashed
  }
  let steps = 1
  while (await liveTwice(steps)) steps++
  expect(steps).toBeGreaterThan(20)
})

it('a received snapshot that was forgotten does not come back when the log has grown to it', async () => {
  let chance = (bound: number) => bound - 1
  const disk = new MemoryDisk((bound) => chance(bound))
  const received = await openStore(DIRECTORY, { disk })
  await received.saveSnapshot(metadata(10), sourceOf([]))
  disk.restart()
  const forgetting = await openStore(DIRECTORY, { disk })
  expect(forgetting.loaded.snapshot).toBeNull()
  await forgetting.append({ hardState: { term: 1, vote: 1, commit: 10 }, entries: entries(1, 10), mustSync: true })
  // Every rename and removal that was not synced is undone.
  chance = () => 0
  disk.restart()
  const store = await openStore(DIRECTORY, { disk })
  expect(store.loaded.snapshot).toBeNull()
  expect(plain(store.loaded.entries)).toEqual(plain(entries(1, 10)))
})
