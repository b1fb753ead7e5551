import { describe, expect, it } from 'vitest'
import { ConfChangeType } from '../../../src/raft/core/types.js'
import { NodeRefusal, NodeRefusalReason } from '../../../src/raft/node/node-errors.js'
import { FrameKind, PeerProtocolError } from '../../../src/raft/ports/transport.js'
import { World } from './admin-world.js'

describe('.members', () => {
  it('lists what this node knows, and at the leader how far each is', async () => {
    const world = new World()
    expect(await world.ask('n1', '.members,id:5')).toBe(
      'member,id:5,node:n1,raft-id:1,peer:h:1,role:voter,leader:yes,address:h:11,active:yes,lag:0\n' +
        'member,id:5,node:n2,raft-id:2,peer:h:2,role:voter,leader:no\n' +
        'member,id:5,node:n3,raft-id:3,peer:h:3,role:learner,leader:no,active:yes,lag:10\n' +
        'end,id:5,count:3\n',
    )
    expect(await world.ask('n2', '.members')).toContain('member,node:n3,raft-id:3,peer:h:3,role:learner,leader:no\n')
  })
})

describe.each(['n1', 'n2'])('changes asked at %s', (at) => {
  it('adds a learner under a new Raft id', async () => {
    const world = new World()
    expect(await world.ask(at, '.member-add,id:1,node:n4,peer:[::1]:9')).toBe('done,id:1\n')
    expect(world.changed).toEqual([
      {
        changes: [{ type: ConfChangeType.addLearnerNode, nodeId: 4 }],
        members: [{ raftId: 4, nodeId: 'n4', peerAddress: '[::1]:9' }],
      },
    ])
  })

  it('promotes a learner that has caught up', async () => {
    const world = new World()
    expect(await world.ask(at, '.member-promote,id:1,node:n3')).toBe('done,id:1\n')
    expect(world.changed).toMatchObject([{ changes: [{ type: ConfChangeType.addNode, nodeId: 3 }] }])
    expect(await world.ask(at, '.member-promote,id:2,node:n2')).toBe('done,id:2\n')
    expect(world.changed).toHaveLength(1)
  })

  it('removes and transfers', async () => {
    const world = new World()
    expect(await world.ask(at, '.member-remove,node:n2')).toBe('done\n')
    expect(world.changed).toMatchObject([{ changes: [{ type: ConfChangeType.removeNode, nodeId: 2 }] }])
    expect(await world.ask(at, '.transfer,node:n1')).toBe('done\n')
    expect(world.transfers).toEqual([])
    expect(await world.ask(at, '.transfer,node:n2')).toBe('done\n')
    expect(world.transfers).toEqual(['n2'])
  })

  it('is written down where it was asked, whatever came of it, unless it changes nothing', async () => {
    const world = new World()
    for (const line of ['.members', '.upgrade', '.member-remove,node:n9', '.member-remove,node:n2', '.transfer']) {
      await world.ask(at, line)
    }
    expect(world.audited.map(({ action, name, result }) => [action, name, result])).toEqual([
      ['.member-remove', 'n9', 'failed'],
      ['.member-remove', 'n2', 'done'],
      ['.transfer', undefined, 'failed'],
    ])
    expect(world.audited[0]?.reason).toBe('n9 is not a member')
  })

  it('replaces a voter by a learner in one change', async () => {
    const world = new World()
    expect(await world.ask(at, '.member-promote,id:1,node:n3,replaces:n2')).toBe('done,id:1\n')
    expect(world.changed).toEqual([
      {
        changes: [
          { type: ConfChangeType.addNode, nodeId: 3 },
          { type: ConfChangeType.removeNode, nodeId: 2 },
        ],
        members: [
          { raftId: 3, nodeId: 'n3', peerAddress: 'h:3' },
          { raftId: 2, nodeId: 'n2', peerAddress: 'h:2' },
        ],
      },
    ])
    expect(world.transfers).toEqual([])
  })

  it.each(['.member-remove,node:n1', '.member-promote,node:n3,replaces:n1'])(
    'a leader that shall go hands over first, and its heir does it: %s',
    async (line) => {
      const world = new World()
      world.progress = [...world.progress, { nodeId: 'n2', match: 5_000, active: true, learner: false }]
      expect(await world.ask(at, `${line},id:4`)).toBe('done,id:4\n')
      expect(world.transfers).toEqual(['n2'])
      expect(world.changed).toHaveLength(1)
      expect(world.changed[0]?.changes).toContainEqual({ type: ConfChangeType.removeNode, nodeId: 1 })
    },
  )

  it('a leader that cannot hand over stays, and says so', async () => {
    const world = new World()
    world.progress = [...world.progress, { nodeId: 'n2', match: 5_000, active: true, learner: false }]
    world.refuse = new NodeRefusal(NodeRefusalReason.notTakenOver, 'n2 did not take over in time')
    expect(await world.ask(at, '.member-remove,node:n1')).toContain('code:not-taken-over,message:n2%20did')
    expect(world.changed).toEqual([])
  })

  it('a leader that has just taken over first applies an entry of its own: its disk may be slower than the others', async () => {
    const world = new World()
    world.isReady = false
    const answer = world.ask(at, '.member-remove,node:n2')
    world.leadershipChanges()
    await new Promise(setImmediate)
    expect(world.changed).toEqual([])
    world.isReady = true
    world.leadershipChanges()
    expect(await answer).toBe('done\n')
    expect(world.changed).toHaveLength(1)
  })

  it('a leader that is deposed before that says so', async () => {
    const world = new World()
    world.isReady = false
    const answer = world.ask(at, '.member-remove,node:n2')
    world.leader = 'n3'
    world.leadershipChanges()
    expect(await answer).toContain('code:not-leader')
    expect(world.changed).toEqual([])
  })

  it('a leader that has not heard of the others yet waits for a heartbeat before it calls them out of reach', async () => {
    const world = new World()
    const heard = [...world.progress, { nodeId: 'n2', match: 5_000, active: true, learner: false }]
    world.progress = heard.map((peer) => ({ ...peer, active: peer.nodeId === 'n1' }))
    world.members.push({ node: 'n4', raftId: 4, peer: 'h:4', address: null, role: 'voter', leader: false, knows: 1 })
    world.meanwhile = () => {
      world.progress = [...heard, { nodeId: 'n4', match: 5_000, active: true, learner: false }]
    }
    expect(await world.ask(at, '.member-remove,node:n4')).toBe('done\n')
    world.progress = heard.map((peer) => ({ ...peer, active: peer.nodeId === 'n1' }))
    expect(await world.ask(at, '.member-promote,node:n3')).toBe('done\n')
  })

  it('a leader waits for an append that the leaving node takes: nobody else would tell it of its removal', async () => {
    const world = new World()
    const others = world.progress
    world.progress = [...others, { nodeId: 'n2', match: 0, active: true, learner: false }]
    let waits = 0
    world.meanwhile = () => {
      waits += 1
      expect(world.changed).toEqual([])
      if (waits === 3) world.progress = [...others, { nodeId: 'n2', match: 5_000, active: true, learner: false }]
    }
    expect(await world.ask(at, '.member-remove,node:n2')).toBe('done\n')
    expect(waits).toBe(3)
  })

  it('a leader removes a dead node without its answer', async () => {
    const world = new World()
    world.progress = [...world.progress, { nodeId: 'n2', match: 0, active: false, learner: false }]
    expect(await world.ask(at, '.member-remove,node:n2')).toBe('done\n')
  })

  const refused: readonly [string, string][] = [
    ['.member-add,node:n2,peer:h:2', 'bad-request'],
    ['.member-add,node:n4', 'bad-request'],
    ['.member-add,node:n4,peer:h', 'bad-request'],
    ['.member-add,peer:h:2', 'bad-request'],
    ['.member-promote,node:n9', 'not-member'],
    ['.member-promote,node:n3,replaces:n3', 'bad-request'],
    ['.member-promote,node:n3,replaces:n9', 'not-member'],
    ['.member-promote,node:n2,replaces:n1', 'bad-request'],
    ['.member-remove,node:n9', 'not-member'],
    ['.transfer,node:n3', 'not-voter'],
    ['.transfer,node:n9', 'not-member'],
  ]
  it.each(refused)('refuses %s', async (line, code) => {
    const world = new World()
    expect(await world.ask(at, `${line},id:3`)).toMatch(new RegExp(`^err,id:3,code:${code},message:\\S+\n$`))
    expect(world.changed).toEqual([])
  })

  it('says by its code whether waiting helps: behind, out of reach, or what Raft refuses', async () => {
    const world = new World()
    world.progress = [{ nodeId: 'n3', match: 1, active: true, learner: true }]
    expect(await world.ask(at, '.member-promote,node:n3')).toContain('code:behind,message:n3%20still%20lacks%204999')
    world.progress = [{ nodeId: 'n3', match: 5_000, active: false, learner: true }]
    expect(await world.ask(at, '.member-promote,node:n3')).toContain('code:unreachable')
    // Just added, and never heard of: a short log would not tell.
    world.progress = [{ nodeId: 'n3', match: 0, active: true, learner: true }]
    expect(await world.ask(at, '.member-promote,node:n3')).toContain('code:unreachable')
    for (const reason of Object.values(NodeRefusalReason)) {
      world.refuse = new NodeRefusal(reason, 'in words')
      expect(await world.ask(at, '.member-remove,node:n3')).toContain(`code:${reason},message:in`)
    }
    expect(world.changed).toEqual([])
  })
})

describe('whom to ask', () => {
  it('keeps a living voter without whom the others would have no quorum', async () => {
    const world = new World()
    world.members.push({ node: 'n4', raftId: 4, peer: 'h:4', address: null, role: 'voter', leader: false, knows: 1 })
    world.progress = [...world.progress, { nodeId: 'n2', match: 5_000, active: true, learner: false }]
    expect(await world.ask('n1', '.member-remove,node:n2')).toContain('n4%20cannot%20be%20reached')
    expect(world.changed).toEqual([])
    expect(await world.ask('n1', '.member-remove,node:n4')).toBe('done\n')
  })

  it('keeps the last voter', async () => {
    const world = new World()
    world.members.splice(1, 1)
    expect(await world.ask('n1', '.member-remove,node:n1')).toContain('last%20voter')
  })
})

describe('without an answering leader', () => {
  it('says no-quorum', async () => {
    const world = new World()
    world.leader = null
    expect(await world.ask('n2', '.transfer,id:1,node:n1')).toContain('err,id:1,code:no-quorum')
  })

  it('says no-quorum when the answer does not come', async () => {
    const world = new World()
    world.connected = false
    const answer = world.ask('n2', '.transfer,id:1,node:n2')
    world.timeOut()
    expect(await answer).toContain('code:no-quorum')
  })

  it('an answer that came is the only one: its time does not run out', async () => {
    const world = new World()
    await world.ask('n2', '.transfer,id:1,node:n2')
    world.timeOut()
    expect(world.replies).toHaveLength(1)
  })

  it('closes the connection over which frames come that make no sense', () => {
    const world = new World()
    for (const text of ['', '{', '{}', '{"number":1,"body":{}}', '{"number":1,"body":{"rows":[[1]],"count":true}}']) {
      for (const kind of [FrameKind.admin, FrameKind.adminResult]) {
        expect(() => world.frame('n1', kind, Buffer.from(text))).toThrow(PeerProtocolError)
      }
    }
    expect(world.changed).toEqual([])
  })
})
