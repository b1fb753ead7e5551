import { pack, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { ConfChangeType, EMPTY_BYTES } from '../../../src/raft/core/types.js'
import type { SnapshotReader } from '../../../src/raft/ports/store.js'
import { encodeMember, TestCluster, type TestNode } from './cluster.js'

const words = (node: TestNode) => node.machine.state.words
const others = (cluster: TestCluster, but: TestNode) => [...cluster.nodes.values()].filter((node) => node !== but)

async function wordsIn(reader: SnapshotReader): Promise<readonly string[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of reader.chunks()) chunks.push(chunk)
  await reader.close()
  return (unpack(Buffer.concat(chunks)) as { readonly words: readonly string[] }).words
}

async function formed(
  seed: number,
  count = 3,
  snapshotEvery?: number,
): Promise<{ cluster: TestCluster; leader: TestNode }> {
  const cluster = new TestCluster(
    seed,
    count,
    snapshotEvery === undefined ? {} : { snapshotIntervalEntries: snapshotEvery },
  )
  await cluster.startAll()
  return { cluster, leader: await cluster.waitForLeader() }
}

describe('a cluster of RaftNodes over fake disk, network and clock', () => {
  it('forms only when every founder has stored the cluster id', async () => {
    const cluster = new TestCluster(1, 3)
    await cluster.start('n1')
    await cluster.start('n2')
    await cluster.clock.run(5_000)
    expect([...cluster.nodes.values()].map(({ identity }) => identity)).toEqual([null, null])
    await cluster.start('n3')
    await cluster.waitForLeader()
    await cluster.waitFor('all formed', () => [...cluster.nodes.values()].every(({ identity }) => identity !== null))
    expect(new Set([...cluster.nodes.values()].map(({ identity }) => identity?.clusterId)).size).toBe(1)
  })

  it('applies what any node proposes, in the same order everywhere', async () => {
    const { cluster, leader } = await formed(2)
    const [follower] = others(cluster, leader)
    if (follower === undefined) throw new Error('no follower')
    await cluster.waitFor('leader known', () => follower.node.leader() === leader.nodeId)
    for (let i = 0; i < 50; i++) cluster.say(i % 2 === 0 ? leader : follower, `w${i}`)
    await cluster.waitFor('applied', () => [...cluster.nodes.values()].every((node) => words(node).length === 50))
    const [first, ...rest] = [...cluster.nodes.values()].map((node) => words(node).join())
    expect(rest).toEqual([first, first])
  })

  it('elects a new leader within a fraction of the election timeout when the leader is killed', async () => {
    const { cluster, leader } = await formed(3)
    cluster.say(leader, 'before')
    await cluster.waitFor('applied', () => [...cluster.nodes.values()].every((node) => words(node).length === 1))
    const killedAt = cluster.clock.nowMs
    cluster.kill(leader.nodeId)
    const next = await cluster.waitForLeader()
    expect(cluster.clock.nowMs - killedAt).toBeLessThan(400)
    expect(words(next)).toEqual(['before'])
  })

  it('keeps everything over a restart of all nodes at once', async () => {
    const { cluster, leader } = await formed(4)
    for (let i = 0; i < 20; i++) cluster.say(leader, `w${i}`)
    await cluster.waitFor('applied', () => words(leader).length === 20)
    for (const nodeId of [...cluster.nodes.keys()]) cluster.kill(nodeId)
    await cluster.startAll()
    const next = await cluster.waitForLeader()
    await cluster.waitFor('replayed', () => words(next).length === 20)
  })

  it('sends a snapshot to a node that was away while the log was cut', async () => {
    const { cluster, leader } = await formed(5, 3, 12_000)
    const [away] = others(cluster, leader)
    if (away === undefined) throw new Error('no follower')
    cluster.kill(away.nodeId)
    for (let round = 0; round < 130; round++) {
      for (let i = 0; i < 200; i++) {
        cluster.say(leader, `w${round}-${i}`)
        if (i % 2 === 1) await cluster.clock.run(0)
      }
      await cluster.clock.run(5)
    }
    await cluster.waitFor('cut', () => (leader.node.status()?.firstIndex ?? 0) > 100)
    const back = await cluster.start(away.nodeId)
    await cluster.waitFor('caught up', () => words(back).length === words(leader).length)
    expect(words(back)).toEqual(words(leader))
  }, 60_000)

  it('saves what was answered before it was asked, on any node, however often, while snapshots are due all the time', async () => {
    const { cluster, leader } = await formed(31, 3, 5)
    const nodes = [...cluster.nodes.values()]
    await cluster.waitFor('leader known', () => nodes.every(({ node }) => node.leader() === leader.nodeId))
    const saved: { readonly answered: number; readonly words: readonly string[] }[] = []
    let failed = 0
    const save = ({ node }: TestNode, answered: number) =>
      node.read((outcome) => {
        if (outcome !== 'current') failed++
        else node.saveSnapshot((reader) => void wordsIn(reader).then((list) => saved.push({ answered, words: list })))
      })
    for (let i = 0; i < 40; i++) {
      const at = nodes[i % 3] ?? leader
      cluster.say(at, `w${i}`)
      await cluster.clock.run(i % 4)
      // What any node has applied may have been answered.
      const answered = Math.max(...nodes.map((node) => words(node).length))
      save(nodes[(i + 1) % 3] ?? leader, answered)
      if (i % 5 === 0) save(nodes[(i + 1) % 3] ?? leader, answered)
    }
    await cluster.waitFor('saved', () => saved.length + failed === 48)
    expect(failed).toBe(0)
    for (const { answered, words: list } of saved) {
      expect(list.length).toBeGreaterThanOrEqual(answered)
      expect(list).toEqual(words(leader).slice(0, list.length))
    }
    expect([...cluster.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
  })

  it('adds a learner, promotes it, and lets it vote', async () => {
    const { cluster, leader } = await formed(6)
    const raftId = leader.node.nextRaftId()
    const context = encodeMember({ nodeId: 'n4', raftId, peerAddress: 'n4:7655', memberUid: null })
    const added = leader.node.changeMembership([{ type: ConfChangeType.addLearnerNode, nodeId: raftId }], context)
    await cluster.clock.run(100)
    await added
    cluster.say(leader, 'hello')
    const joiner = await cluster.start('n4', cluster.founders)
    await cluster.waitFor('caught up', () => words(joiner).length === 1)
    const promoted = leader.node.changeMembership([{ type: ConfChangeType.addNode, nodeId: raftId }], new Uint8Array(0))
    await cluster.waitFor('voter', () => joiner.node.status()?.confState.voters.includes(raftId) ?? false)
    await promoted
  })

  it('lets a new node in that comes while nobody leads, as soon as somebody does', async () => {
    const { cluster, leader } = await formed(15)
    const raftId = leader.node.nextRaftId()
    const context = encodeMember({ nodeId: 'n4', raftId, peerAddress: 'n4:7655', memberUid: null })
    const added = leader.node.changeMembership([{ type: ConfChangeType.addLearnerNode, nodeId: raftId }], context)
    await cluster.clock.run(100)
    await added
    for (const [one, two] of [
      ['n1', 'n2'],
      ['n1', 'n3'],
      ['n2', 'n3'],
    ] as const) {
      cluster.network.cut(one, two)
    }
    await cluster.waitFor('leaderless', () => [...cluster.nodes.values()].every(({ node }) => node.leader() === null))
    const joiner = await cluster.start('n4', cluster.founders)
    await cluster.clock.run(200)
    expect(joiner.identity).toBeNull()
    cluster.network.heal()
    await cluster.waitFor('joined', () => joiner.identity?.raftId === raftId)
  })

  it('gives no Raft id twice, also not that of a member which was removed', async () => {
    const { cluster, leader } = await formed(20)
    const used = [...cluster.nodes.values()].map(({ identity }) => identity?.raftId ?? 0)
    for (let round = 0; round < 4; round++) {
      const raftId = leader.node.nextRaftId()
      expect(used).not.toContain(raftId)
      used.push(raftId)
      const member = { nodeId: 'n9', raftId, peerAddress: 'n9:7655', memberUid: null }
      for (const [type, context] of [
        [ConfChangeType.addLearnerNode, encodeMember(member)],
        [ConfChangeType.removeNode, EMPTY_BYTES],
      ] as const) {
        const done = leader.node.changeMembership([{ type, nodeId: raftId }], context)
        await cluster.clock.run(100)
        await done
      }
    }
  })

  it('refuses an empty node that was not added, with the words for the operator', async () => {
    const { cluster } = await formed(7)
    const stranger = await cluster.start('n9', cluster.founders)
    await cluster.waitFor('refused', () => stranger.fatal !== null)
    expect(stranger.fatal?.exitCode).toBe(4)
    expect(stranger.fatal?.error.message).toContain('tnl members add n9')
  })

  it('refuses an empty node for good also where it knows a follower alone: the leader may have come later', async () => {
    const { cluster, leader } = await formed(18)
    const known = cluster.founders.filter(({ nodeId }) => nodeId !== leader.nodeId)
    const stranger = await cluster.start('n9', known)
    await cluster.waitFor('refused', () => stranger.fatal !== null)
    expect(stranger.fatal).toMatchObject({ exitCode: 4, error: { message: expect.stringContaining('members add n9') } })
  })

  it('a follower that cannot ask a quorum turns nobody away for good', async () => {
    const { cluster, leader } = await formed(19)
    const [alone] = others(cluster, leader)
    if (alone === undefined) throw new Error('no follower')
    for (const { nodeId } of cluster.founders) if (nodeId !== alone.nodeId) cluster.kill(nodeId)
    const stranger = await cluster.start('n9', [{ nodeId: alone.nodeId, raftId: 0, address: '' }])
    await cluster.clock.run(5_000)
    expect(stranger.fatal).toBeNull()
  })

  it('refuses a member whose directory was wiped', async () => {
    const { cluster, leader } = await formed(8)
    const [victim] = others(cluster, leader)
    if (victim === undefined) throw new Error('no follower')
    cluster.kill(victim.nodeId)
    cluster.disks.delete(victim.nodeId)
    const wiped = await cluster.start(victim.nodeId)
    await cluster.waitFor('refused', () => wiped.fatal !== null)
    expect(wiped.fatal?.exitCode).toBe(4)
    expect(wiped.fatal?.error.message).toContain('tnl members remove')
  })

  it('hands leadership over', async () => {
    const { cluster, leader } = await formed(9)
    const [heir] = others(cluster, leader)
    if (heir === undefined) throw new Error('no follower')
    const done = leader.node.transferLeadership(heir.nodeId)
    await cluster.waitFor('transferred', () => heir.node.isLeaderReady())
    await done
  })

  it('commits what it proposes when it hands over, before the other leads', async () => {
    const { cluster, leader } = await formed(9)
    const [heir] = others(cluster, leader)
    if (heir === undefined) throw new Error('no follower')
    cluster.onHandingOver = (node) => void node.proposals.propose(new TextEncoder().encode('last words'))
    const done = leader.node.transferLeadership(heir.nodeId)
    await cluster.waitFor('transferred', () => heir.node.isLeaderReady())
    await done
    expect(words(heir)).toEqual(['last words'])
  })

  it('does not hand over to whom it cannot reach, and takes proposals meanwhile', async () => {
    const { cluster, leader } = await formed(9)
    const [gone, other] = others(cluster, leader)
    if (gone === undefined || other === undefined) throw new Error('no followers')
    cluster.kill(gone.nodeId)
    await cluster.clock.run(20)
    await expect(leader.node.transferLeadership(gone.nodeId)).rejects.toThrow(`${gone.nodeId} cannot be reached`)
    cluster.say(leader, 'still here')
    await cluster.waitFor('applied', () => words(other).length === 1, 100)
  })

  it('confirms leadership by a quorum, and not without one', async () => {
    const { cluster, leader } = await formed(10)
    const answers: (number | null)[] = []
    leader.node.confirmLeadership((index) => answers.push(index))
    await cluster.waitFor('confirmed', () => answers.length === 1)
    expect(answers[0]).toBeGreaterThan(0)
    for (const node of others(cluster, leader)) cluster.network.cut(leader.nodeId, node.nodeId)
    leader.node.confirmLeadership((index) => answers.push(index))
    await cluster.waitFor('given up', () => answers.length === 2)
    expect(answers[1]).toBeNull()
  })

  it('a cluster of one leads at once', async () => {
    const { cluster, leader } = await formed(11, 1)
    expect(leader.nodeId).toBe('n1')
    expect(cluster.clock.nowMs).toBeLessThan(500)
  })

  it('a change of two members is done when its joint configuration was left', async () => {
    const { cluster, leader } = await formed(13, 5)
    const [one, two] = others(cluster, leader).map(({ node }) => node.status()?.raftId ?? 0)
    if (one === undefined || two === undefined) throw new Error('no followers')
    const removals = [one, two].map((nodeId) => ({ type: ConfChangeType.removeNode, nodeId }))
    let isDone = false
    const removed = leader.node.changeMembership(removals, pack({ raftId: 99 })).then(() => {
      isDone = true
    })
    const outgoing = () => leader.node.status()?.confState.votersOutgoing.length ?? 0
    await cluster.waitFor('joint', () => outgoing() === 5)
    expect(isDone).toBe(false)
    await cluster.waitFor('done', () => isDone)
    await removed
    expect(outgoing()).toBe(0)
    expect(leader.node.status()?.confState.voters).toHaveLength(3)
  })

  it('a change that could not be applied is refused before it is in the log', async () => {
    const { cluster, leader } = await formed(15)
    const voters = leader.node.status()?.confState.voters ?? []
    const before = leader.node.status()?.lastIndex
    const all = voters.map((nodeId) => ({ type: ConfChangeType.removeNode, nodeId }))
    const refused = leader.node.changeMembership(all, new Uint8Array(0))
    await expect(refused).rejects.toThrow('removed all voters')
    await cluster.clock.run(1_000)
    expect([...cluster.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
    expect(leader.node.status()).toMatchObject({ lastIndex: before, confState: { voters } })
    // And another one can be made.
    const [other] = others(cluster, leader).map(({ node }) => node.status()?.raftId ?? 0)
    const removed = leader.node.changeMembership(
      [{ type: ConfChangeType.removeNode, nodeId: other ?? 0 }],
      new Uint8Array(0),
    )
    await cluster.waitFor('removed', () => leader.node.status()?.confState.voters.length === 2)
    await removed
  })

  it('a follower that is removed hears of it, and stops in good order', async () => {
    const { cluster, leader } = await formed(14)
    const [follower] = others(cluster, leader)
    if (follower === undefined) throw new Error('no follower')
    const nodeId = follower.node.status()?.raftId ?? 0
    const removed = leader.node.changeMembership([{ type: ConfChangeType.removeNode, nodeId }], new Uint8Array(0))
    await cluster.waitFor('stopped', () => follower.fatal !== null)
    await removed
    expect(follower.fatal?.exitCode).toBe(0)
  })

  it('a removed node stops', async () => {
    const { cluster, leader } = await formed(12)
    const raftId = leader.node.status()?.raftId ?? 0
    const removed = leader.node.changeMembership(
      [{ type: ConfChangeType.removeNode, nodeId: raftId }],
      new Uint8Array(0),
    )
    await cluster.waitFor('stopped', () => leader.fatal !== null)
    await removed.catch(() => undefined)
    expect(leader.fatal?.exitCode).toBe(0)
    cluster.kill(leader.nodeId)
    const next = await cluster.waitForLeader()
    expect(next.node.status()?.confState.voters).not.toContain(raftId)
  })
})
