/** Every transcript on three real processes: at the leader, at a follower, and while leadership passes on in the midst of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { ProcessGround } from '../transcripts/process-ground.js'
import { replay } from '../transcripts/replay.js'
import { allScenes } from '../transcripts/script.js'

const scenes = allScenes()

describe.each([
  ['at the leader', 'leader', false],
  ['at a follower', 'follower', false],
  ['at the leader, which steps down', 'leader', true],
  ['at a follower, while the leader changes', 'follower', true],
] as const)('transcripts %s', (_, looksAt, leaderChanges) => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  it.each(scenes.map((scene) => [scene.id, scene] as const))('%s', async (_id, scene) => {
    await replay(scene, await ProcessGround.at(cluster, looksAt), { leaderChanges })
  })
})

/** One of each kind: a killed node takes a second to come back. */
const SURVIVING = [
  ...[
    'session/wait',
    'session/resume',
    'modes/readers-and-writer',
    'semaphores/resize',
    'several/reserved',
    'several/repeat',
  ],
  ...['deadlock/circle', 'time/min-hold', 'time/ttl', 'time/loose', 'marks/once', 'freeze/freeze', 'force/force'],
]

describe('transcripts at a follower, while the leader is killed', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  it('are those that there are', () => {
    const ids = scenes.map(({ id }) => id)
    expect(SURVIVING.filter((id) => !ids.includes(id))).toEqual([])
  })

  const killed = scenes.filter(({ id }) => SURVIVING.includes(id))
  it.each(killed.map((scene) => [scene.id, scene] as const))('%s', async (_id, scene) => {
    const ground = await ProcessGround.at(cluster, 'follower', 'kill')
    try {
      await replay(scene, ground, { leaderChanges: true })
    } finally {
      await ground.end()
    }
  })
})
