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
const befallsNode = ({ steps }: Scene): boolean => steps.some((step) => step.kind === 'act' && step.act.kind === 'node')
/** To whom it happens makes a difference: to the leader or to a follower. */
const BEFALL_A_NODE = ALONE.filter(befallsNode)
/** At the followers of such a cluster nobody is served, and nobody may ask it to hand over. */
const STRICT = SCENES.filter(({ settings }) =>
  ['followers', 'admin', 'max-connections'].some((flag) => settings.has(flag)),
)
const OF_OTHER_SETTINGS = SCENES.filter((scene) => !USUAL.includes(scene) && !STRICT.includes(scene))

let clusters: TestCluster[] = []

afterEach(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()))
  clusters = []
})

/** With the settings of all these scenes: what one says, no other contradicts. */
async function startFor(scenes: readonly Scene[]): Promise<TestCluster> {
  const settings = new Map(scenes.flatMap((scene) => [...scene.settings]))
  for (const scene of scenes) for (const [flag, value] of scene.settings) expect(settings.get(flag)).toBe(value)
  const cluster = await TestCluster.start(wordsOf(settings))
  clusters.push(cluster)
  return cluster
}

it.each([
  ['at the leader, which hands over', 'leader', 'transfer', BEFALL_A_NODE],
  ['at a follower, while leadership is handed over', 'follower', 'transfer', ALONE],
  ['at a follower, while the leader is killed', 'follower', 'kill', []],
] as const)('transcripts %s', async (_, looksAt, change, alone) => {
  const cluster = await startFor(SIDE_BY_SIDE)
  const ground = await ProcessGround.at(cluster, looksAt, change)
  expect(await replayTogether(SIDE_BY_SIDE, ground)).toEqual([])
  expect(await oneByOne(cluster, alone, looksAt)).toEqual([])
})

it('transcripts of nodes with other settings', async () => {
  const first = await startFor(OF_OTHER_SETTINGS)
  const second = await startFor(OF_OTHER_SETTINGS)
  const strict = await startFor(STRICT)
  // Most of their time they wait for a lease to run out: together.
  const failures = await Promise.all([
    oneByOne(first, OF_OTHER_SETTINGS, 'leader'),
    oneByOne(second, OF_OTHER_SETTINGS, 'follower'),
    oneByOne(strict, STRICT, 'leader', 'kill'),
  ])
  expect(failures.flat()).toEqual([])
})

/** Returns what went wrong. Each finds the cluster whole. */
async function oneByOne(
  cluster: TestCluster,
  scenes: readonly Scene[],
  looksAt: 'leader' | 'follower',
  change: LeaderChange = 'transfer',
): Promise<readonly string[]> {
  const failures: string[] = []
  let ground: ProcessGround | null = null
  // What the last one has ended nobody needs any more.
  for (const scene of scenes.toSorted((a, b) => Number(befallsNode(a)) - Number(befallsNode(b)))) {
    await ground?.mend()
    ground = await ProcessGround.at(cluster, looksAt, change)
    try {
      await replay(scene, ground, false)
    } catch (error) {
      failures.push(`${scene.id}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return failures
}
