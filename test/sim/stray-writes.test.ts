/** Wherever one write lands: everything acknowledged is there at the next start, or the directory is refused. */
import { describe, expect, it } from 'vitest'
import { type LogStore, StoreError } from '../../src/raft/ports/store.js'
import { openStore } from '../../src/raft/store/open-store.js'
import { append, entries, entry, metadata, plain, sourceOf } from '../raft/store/helpers.js'
import { ProcessDisk, Volume } from './disk.js'
import { Machine, Process } from './process.js'
import { STRAY_STEPS, type StrayStep } from './stray-writes.js'
import { World } from './world.js'

const SEEDS = 25
const STEPS_MAX = 200
const SNAPSHOT_EVERY = 7
const LONG_ENTRY_BYTES = 5_000

/** Lets the world run until `work` has settled. */
async function settled<T>(world: World, work: Promise<T>): Promise<T> {
  let isDone = false
  const watched = work.finally(() => {
    isDone = true
  })
  watched.catch(() => undefined)
  await world.until(() => isDone, 1e6)
  return watched
}

function start(world: World, volume: Volume, name: string) {
  const process = new Process(world, new Machine(world, name, 1), name)
  volume.opened(0)
  const disk = new ProcessDisk(process, volume)
  const after = process.clock.after.bind(process.clock)
  return { process, store: settled(world, openStore('/data/node', { disk, after })) }
}

/** Entries one after another, and snapshots, until soon after a write went astray. Returns how many were acknowledged. */
async function work(world: World, volume: Volume, store: LogStore): Promise<number> {
  let left = Number.POSITIVE_INFINITY
  for (let index = 1; index <= STEPS_MAX; index++) {
    const long = entry(index, 1, 'x'.repeat(world.random.int(LONG_ENTRY_BYTES)))
    await settled(world, append(store, [world.random.chance(0.3) ? long : entry(index)], index - 1))
    if (index % SNAPSHOT_EVERY === 0) {
      const chunks = sourceOf([world.random.bytes(100), world.random.bytes(LONG_ENTRY_BYTES)])
      await settled(world, store.saveSnapshot(metadata(index), chunks))
    }
    if (volume.isDamaged) left = Math.min(left, world.random.int(4))
    if (left-- <= 0) return index
  }
  throw new Error('no write went astray')
}

async function trial(seed: number, step: StrayStep): Promise<'whole' | 'refused'> {
  const world = new World(seed)
  const volume = new Volume(world, 'volume', { syncMs: 1, readMs: 0.1 })
  const first = start(world, volume, 'first')
  const store = await first.store
  volume.stray = { step, left: 1 + world.random.int(9), done: () => undefined }
  const acknowledged = await work(world, volume, store)
  first.process.kill()
  if (world.random.chance(0.5)) volume.loseUnsynced()
  try {
    const { loaded } = await start(world, volume, 'second').store
    expect(loaded.entries.length, `seed ${seed}: ${volume.damage}`).toBe(acknowledged)
    const short = plain(loaded.entries).filter(({ data }) => !data.startsWith('x') && data !== '')
    expect(short).toEqual(
      plain(entries(1, acknowledged)).filter(({ index }) => short.some((one) => one.index === index)),
    )
    return 'whole'
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    expect(error.kind, `seed ${seed}: ${volume.damage}: ${error.message}`).toMatch(/^(damaged|foreign)$/)
    return 'refused'
  }
}

describe.each(STRAY_STEPS)('a %s that goes astray', (step) => {
  it(`is survived or seen (seeds 1 to ${SEEDS})`, async () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= SEEDS; seed++) outcomes.add(await trial(seed, step))
    expect(outcomes).toContain('whole')
    expect(outcomes).toContain('refused')
  })
})
