/**
 * Every transcript on three real processes. Most of them are played side by side on one cluster: at the leader and at a
 * follower, while leadership is handed over or the leader is killed in the midst of them. Those that disturb the cluster, or
 * need one of other settings, follow one after the other.
 */
import { afterEach, expect, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { type LeaderChange, ProcessGround, wordsOf } from '../transcripts/process-ground.js'
import { replay, replayTogether } from '../transcripts/replay.js'
import { allScenes, type Scene } from '../transcripts/script.js'

const SCENES = allScenes().filter(({ onlyOn }) => onlyOn !== 'virtual time')
const USUAL = SCENES.filter(({ settings }) => settings.size === 0)
const SIDE_BY_SIDE = USUAL.filter(({ isAlone }) => !isAlone)
const ALONE = USUAL.filter(({ isAlone }) => isAlone)
const SHORT_LEASE = SCENES.filter(({ settings }) => settings.has('lease'))
const STRICT = SCENES.filter(({ settings }) => settings.size > 0 && !settings.has('lease'))

let cluster: TestCluster

afterEach(() => cluster.stop())

it.each([
  ['at the leader, which hands over', 'leader', 'transfer'],
  ['at a follower, while leadership is handed over', 'follower', 'transfer'],
  ['at a follower, while the leader is killed', 'follower', 'kill'],
] as const)('transcripts %s', async (_, looksAt, change) => {
  cluster = await TestCluster.start()
  const ground = await ProcessGround.at(cluster, looksAt, change)
  expect(await replayTogether(SIDE_BY_SIDE, ground)).toEqual([])
  if (change === 'transfer') expect(await oneByOne(ALONE, looksAt)).toEqual([])
})

it('transcripts of nodes that cannot reach each other', async () => {
  cluster = await startFor(SHORT_LEASE)
  expect(await oneByOne(SHORT_LEASE, 'leader')).toEqual([])
  expect(await oneByOne(SHORT_LEASE, 'follower')).toEqual([])
})

it('transcripts of nodes of other settings', async () => {
  cluster = await startFor(STRICT)
  // Nobody may ask this cluster to hand over, and at its followers nobody is served.
  expect(await oneByOne(STRICT, 'leader', 'kill')).toEqual([])
})

/** Of the settings of all these scenes: what one says, no other contradicts. */
function startFor(scenes: readonly Scene[]): Promise<TestCluster> {
  const settings = new Map(scenes.flatMap((scene) => [...scene.settings]))
  for (const scene of scenes) for (const [flag, value] of scene.settings) expect(settings.get(flag)).toBe(value)
  return TestCluster.start(wordsOf(settings))
}

/** Returns what went wrong. Each finds the cluster whole. */
async function oneByOne(
  scenes: readonly Scene[],
  looksAt: 'leader' | 'follower',
  change: LeaderChange = 'transfer',
): Promise<readonly string[]> {
  const failures: string[] = []
  for (const scene of scenes) {
    const ground = await ProcessGround.at(cluster, looksAt, change)
    try {
      await replay(scene, ground, false)
    } catch (error) {
      failures.push(`${scene.id}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await ground.mend()
    }
  }
  return failures
}
