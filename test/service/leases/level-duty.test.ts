/** The leader raises the feature level when every member could follow, and a node that is left behind ends (rules.md, Versions). */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import { Cluster, type ClusterOptions } from '../kit/cluster.js'
import { L, lock } from '../kit/helpers.js'
import type { FakeNode } from '../kit/node.js'

/** Programs of these levels. */
function clusterOf(levels: readonly number[], options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ leaseMs: L, ...options })
  for (const [at, level] of levels.entries()) cluster.node(at).programLevel = level
  cluster.start()
  return cluster
}

const levels = (cluster: Cluster) => cluster.nodes.map(({ machine }) => machine.level)

function restart(node: FakeNode, programLevel: number): void {
  node.kill()
  node.programLevel = programLevel
  node.boot()
}

const untilAllServe = (cluster: Cluster) =>
  cluster.world.until(() => cluster.nodes.every((node) => node.service.stats().speakRemainingMs > 0), 30_000)

/** As the operator's word is committed. */
const hold = (cluster: Cluster, held: boolean) =>
  cluster.commit(encodeCommand({ type: CommandType.holdLevel, held }), cluster.term)

describe('the level', () => {
  it('rises by itself when every node is up with the next program', () => {
    const cluster = clusterOf([2, 2, 2])
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
  })

  it('rises step by step', () => {
    const cluster = clusterOf([3, 3, 3])
    cluster.world.until(() => levels(cluster).every((level) => level === 3), 10_000)
  })

  it('stays while one node has the older program, through restarts and new leaders, and no lock is lost when it rises', () => {
    const cluster = clusterOf([2, 2, 1])
    const holder = lock(cluster.node(0), 'x')
    expect(holder.text).toBe('ok\n')
    cluster.world.advance(5_000)
    cluster.elect(cluster.node(1))
    cluster.world.advance(5_000)
    expect(levels(cluster)).toEqual([1, 1, 1])
    restart(cluster.node(2), 2)
    untilAllServe(cluster)
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
    holder.send('.keepalive\n')
    cluster.world.advance(50)
    expect(holder.text).toBe('ok\nalive\n')
  })

  it('goes on being held, and rises when the hold ends', () => {
    const cluster = clusterOf([1, 2, 2])
    hold(cluster, true)
    restart(cluster.node(0), 2)
    cluster.elect(cluster.node(1))
    untilAllServe(cluster)
    cluster.world.advance(5_000)
    expect(levels(cluster)).toEqual([1, 1, 1])
    hold(cluster, false)
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
  })

  it('is proposed again when the proposal is lost', () => {
    const cluster = clusterOf([1, 2, 2])
    hold(cluster, true)
    restart(cluster.node(0), 2)
    cluster.elect(cluster.node(1))
    untilAllServe(cluster)
    cluster.faults.drop = 1
    hold(cluster, false)
    cluster.world.advance(2_000)
    expect(levels(cluster)).toEqual([1, 1, 1])
    cluster.faults.drop = 0
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
  })

  it('is not raised by a leader above its own program, though its earlier epoch still says otherwise', () => {
    const cluster = clusterOf([1, 2, 2])
    hold(cluster, true)
    restart(cluster.node(0), 2)
    cluster.elect(cluster.node(1))
    untilAllServe(cluster)
    const putBack = cluster.node(0)
    // It has no epoch yet, and its last one lives: by the state every member has level 2.
    putBack.storeMs = 60_000
    restart(putBack, 1)
    cluster.elect(putBack)
    hold(cluster, false)
    cluster.world.until(() => cluster.node(1).machine.canRaiseTo(2), 1_000)
    cluster.world.advance(1_000)
    expect(levels(cluster)).toEqual([1, 1, 1])
    expect(putBack.fatal).toEqual([])
  })
})

describe('a node of an older program', () => {
  it('ends where the level rises above it, and again at each start', () => {
    const cluster = clusterOf([2, 2, 2])
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
    const putBack = cluster.node(2)
    for (let start = 0; start < 2; start++) {
      restart(putBack, 1)
      cluster.world.until(() => putBack.fatal.length > start, 5_000)
      expect(putBack.fatal.at(-1)).toBeInstanceOf(OlderProgramError)
      expect(putBack.machine.level).toBe(1)
    }
    restart(putBack, 2)
    untilAllServe(cluster)
  })

  it('ends when its epoch is refused', () => {
    const cluster = clusterOf([2, 2, 2])
    cluster.world.until(() => levels(cluster).every((level) => level === 2), 5_000)
    const putBack = cluster.node(2)
    putBack.readableLevel = 2
    restart(putBack, 1)
    cluster.world.until(() => putBack.fatal.length > 0, 5_000)
    expect(putBack.fatal[0]?.message).toContain('the cluster needs feature level 2, and this program knows 1')
    expect(cluster.node(0).machine.levelOfNode('n3')).not.toBe(1)
  })
})
