/** The rules of engine.md §4, one by one, in virtual time. */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../src/locks/codec.js'
import { CommandType } from '../../src/locks/commands.js'
import { FrameKind } from '../../src/raft/node/interfaces.js'
import { decodeRenewalAnswer, encodeRenewal, encodeRenewalAnswer } from '../../src/server/rules/renewal.js'
import { Cluster, type ClusterOptions, type FakeNode, type FakeSocket } from './front-harness.js'

const L = 10_000

function started(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ leaseMs: L, ...options })
  cluster.start()
  return cluster
}

function lock(node: FakeNode, name: string, more = ''): FakeSocket {
  const socket = node.connect()
  socket.send(`lock,name:${name}${more}\n`)
  node.world.advance(30)
  return socket
}

function expire(cluster: Cluster, node: string): Uint8Array {
  const epoch = cluster.node(0).machine.currentEpoch(node)
  return encodeCommand({ type: CommandType.expireNode, node, epoch })
}

function session(node: FakeNode): FakeSocket {
  const socket = node.connect()
  socket.send('hello,version:2,redirect:no,lease:60\n')
  node.world.advance(30)
  expect(socket.text).toMatch(/^welcome/)
  return socket
}

describe('rule 1, epochs', () => {
  it('frees the locks of a killed process as soon as its successor is up, by its record', () => {
    const cluster = started()
    lock(cluster.node(1), 'x')
    cluster.node(1).kill()
    cluster.world.advance(50)
    cluster.node(1).boot()
    cluster.world.advance(300)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
    cluster.world.until(() => cluster.node(1).front.stats().speakRemainingMs > 0, 1_000)
    expect(lock(cluster.node(1), 'x').text).toBe('ok\n')
  })

  it.each<[string, Partial<FakeNode>]>([
    ['another boot', { bootId: 'boot-2' }],
    ['a file system that is not known to be local', { localFs: false }],
    ['no record', { records: [] }],
  ])('waits for the lease to run out after %s', (_, change) => {
    const cluster = started()
    lock(cluster.node(1), 'x')
    cluster.node(1).kill()
    Object.assign(cluster.node(1), change)
    cluster.node(1).boot()
    cluster.world.until(() => cluster.node(1).front.stats().speakRemainingMs > 0, 1_000)
    cluster.world.advance(0.7 * L)
    expect(cluster.node(0).machine.holder('x')).not.toBeNull()
    cluster.world.advance(0.6 * L)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
  })

  it('keeps records until a later epoch is applied', () => {
    const cluster = started()
    const [first] = cluster.node(1).records
    expect(cluster.node(1).records).toHaveLength(1)
    cluster.elect(null)
    cluster.node(1).kill()
    cluster.node(1).boot()
    cluster.world.advance(1_000)
    expect(cluster.node(1).records.map((record) => record.epoch)).toContain(first?.epoch)
    expect(cluster.node(1).records).toHaveLength(2)
    cluster.elect(cluster.node(0))
    cluster.world.advance(1_000)
    expect(cluster.node(1).records).toHaveLength(1)
    expect(cluster.node(1).records[0]?.epoch).not.toBe(first?.epoch)
  })

  it('stops when another process makes an epoch for its node', () => {
    const cluster = started()
    const expected = cluster.node(0).machine.currentEpoch('n2')
    const stranger = { type: CommandType.nodeUp, node: 'n2', epoch: 77, expected, dead: 0, address: 'n2:1' } as const
    cluster.commit(encodeCommand(stranger), cluster.term)
    cluster.world.advance(100)
    expect(cluster.node(1).fatal.map(({ exitCode }) => exitCode)).toEqual([4])
    expect(cluster.node(0).fatal).toEqual([])
  })

  it('serves under a new epoch after its own lapsed, whose locks are free at once', () => {
    const cluster = started()
    const socket = lock(cluster.node(1), 'x')
    cluster.node(1).cut = true
    cluster.world.until(() => socket.closed !== null)
    const old = cluster.node(0).machine.currentEpoch('n2')
    cluster.node(1).cut = false
    cluster.world.until(() => cluster.node(1).front.stats().speakRemainingMs > 0, 2_000)
    expect(cluster.node(0).machine.currentEpoch('n2')).not.toBe(old)
    expect(cluster.node(0).machine.isLive('n2', old)).toBe(false)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
  })
})

describe('rule 2, the right to speak', () => {
  it.each([
    [1, 1],
    [1, 1.1],
    [1.1, 1],
  ])('closes a holder before its lock is given away (clock rates: node %d, leader %d)', (nodeRate, leaderRate) => {
    const cluster = started({ rates: [leaderRate, nodeRate, leaderRate] })
    const holder = lock(cluster.node(1), 'x')
    const waiter = lock(cluster.node(2), 'x', ',wait:forever')
    const others = [session(cluster.node(1)), cluster.node(1).connect()]
    cluster.world.advance(100)
    cluster.node(1).cut = true
    const cutAtMs = cluster.world.nowMs
    cluster.world.until(() => waiter.text === 'ok\n')
    expect(holder.closed).not.toBeNull()
    expect(holder.closedAtMs).toBeLessThan(waiter.writes[0]?.atMs ?? 0)
    expect(holder.text).toBe('ok\n')
    // It holds on as long as it may: 0.9 L by its own clock, counted from the last renewal.
    expect(holder.closedAtMs - cutAtMs).toBeGreaterThan((0.7 * L) / nodeRate - 100)
    for (const other of others) expect(other.closed).not.toBeNull()
    expect(others[0]?.text).not.toContain('lost')
  })

  it('on waking closes before it reads or writes anything', () => {
    const cluster = started()
    const node = cluster.node(1)
    const holder = lock(node, 'x')
    const open = session(node)
    const waiter = lock(cluster.node(2), 'x', ',wait:forever')
    node.pause(30_000)
    holder.send('.keepalive\n')
    open.send('.keepalive\nlock,id:1,name:y\n')
    cluster.world.advance(29_000)
    expect(waiter.text).toBe('ok\n')
    const before = open.text
    cluster.world.advance(1_500)
    expect(holder.text).toBe('ok\n')
    expect(open.text).toBe(before)
    expect([holder.closed, open.closed]).toEqual(['end', 'end'])
    cluster.world.until(() => node.front.stats().speakRemainingMs > 0, 2_000)
    expect(lock(node, 'z').text).toBe('ok\n')
  })

  it('serves only once its first renewal is answered', () => {
    const cluster = started()
    cluster.node(0).sendPeer = () => false
    cluster.node(1).kill()
    cluster.node(1).boot()
    cluster.world.advance(1_000)
    expect(cluster.node(1).front.stats().epoch).not.toBe(0)
    expect(lock(cluster.node(1), 'x').text).toBe('err,no quorum\n')
  })

  it('looks at the clock when a word is written, not only when a turn begins', () => {
    const cluster = started()
    const holder = lock(cluster.node(1), 'x')
    const handler = holder.handler
    cluster.world.nowMs += L
    handler?.data(new TextEncoder().encode('.keepalive\n'))
    expect(holder.text).toBe('ok\n')
    expect(holder.closed).not.toBeNull()
  })

  it('resets what has unsent words, and closes holders first', () => {
    const cluster = started()
    const node = cluster.node(1)
    const open = session(node)
    const quiet = lock(node, 'quiet')
    const busy = lock(node, 'busy')
    const order: string[] = []
    open.onClosed = () => order.push('session')
    quiet.onClosed = () => order.push('quiet')
    busy.onClosed = () => order.push('busy')
    busy.writableLength = 3
    node.cut = true
    cluster.world.until(() => order.length === 3)
    expect(order).toEqual(['quiet', 'busy', 'session'])
    expect(quiet.closed).toBe('end')
    expect(busy.closed).toBe('reset')
  })

  it('begins to close earlier, the more connections hold', () => {
    const closingAt = (holders: number): number => {
      const cluster = started()
      const sockets = Array.from({ length: holders }, () => cluster.node(1).connect())
      for (const [n, socket] of sockets.entries()) socket.send(`lock,name:h${n}\n`)
      cluster.world.until(() => sockets.every((socket) => socket.text === 'ok\n'))
      return cluster.node(1).front.stats().speakRemainingMs + cluster.world.nowMs
    }
    // Renewals happen at the same virtual times in both runs: the difference is the closing margin alone.
    expect(closingAt(1) - closingAt(1_001)).toBeCloseTo(50, 3)
  })

  it('does not come back by a late answer', () => {
    const cluster = started()
    const node = cluster.node(1)
    const epoch = node.machine.currentEpoch('n2')
    const holder = lock(node, 'x')
    node.cut = true
    cluster.world.until(() => holder.closed !== null)
    for (let number = 1; number < 50; number++) {
      const answer = encodeRenewalAnswer({ epoch, number, commitIndex: 0 })
      node.front.onPeerFrame('n1', FrameKind.renewed, answer)
    }
    expect(node.front.stats().speakRemainingMs).toBe(0)
    expect(node.front.stats().epoch).toBe(0)
  })

  it('counts an answer only once the node has applied what it names', () => {
    const cluster = started()
    const node = cluster.node(1)
    const { epoch, speakRemainingMs } = node.front.stats()
    cluster.faults.applyMs = 1
    const answer = (commitIndex: number) => {
      for (let number = 1; number < 50; number++) {
        node.front.onPeerFrame('n1', FrameKind.renewed, encodeRenewalAnswer({ epoch, number, commitIndex }))
      }
    }
    cluster.node(0).cut = true
    cluster.world.advance(0.3 * L)
    answer(node.appliedIndex() + 1)
    expect(node.front.stats().speakRemainingMs).toBeLessThan(speakRemainingMs - 0.2 * L)
    cluster.commit(null, cluster.term)
    cluster.world.until(() => node.front.stats().speakRemainingMs > 0.65 * L, 100, 1)
  })

  it('counts from the sending of a renewal, however late its answer', () => {
    const cluster = started()
    cluster.world.advance(100)
    cluster.faults.peerMs = 4_000
    let longest = 0
    for (let passed = 0; passed < 20 * L; passed += 50) {
      const before = cluster.node(1).front.stats().speakRemainingMs
      cluster.world.advance(50)
      const after = cluster.node(1).front.stats().speakRemainingMs
      if (after > before) longest = Math.max(longest, after)
    }
    // Answers arrive up to 8 s after the sending, mostly much later than at once.
    expect(longest).toBeGreaterThan(0)
    expect(longest).toBeLessThan(0.9 * L - 50)
    cluster.node(0).sendPeer = () => false
    cluster.faults.peerMs = 1
    const from = cluster.world.nowMs
    cluster.world.until(() => cluster.node(1).front.stats().speakRemainingMs === 0)
    expect(cluster.world.nowMs - from).toBeLessThan(0.9 * L)
  })

  it('says jeopardy after a third of the lease without an answer, and safe when it is over', () => {
    const cluster = started()
    const open = session(cluster.node(1))
    cluster.world.advance(100)
    cluster.node(1).cut = true
    cluster.world.advance(0.4 * L)
    const [, remaining] = /jeopardy,remaining:([\d.]+)\n$/.exec(open.text) ?? []
    expect(Number(remaining)).toBeGreaterThan(5)
    expect(Number(remaining)).toBeLessThan(6)
    cluster.node(1).cut = false
    cluster.world.advance(0.25 * L)
    expect(open.text).toMatch(/safe\n$/)
    expect(open.closed).toBeNull()
  })

  it('lets a sole voter that leads renew in place, also on waking', () => {
    const cluster = started({ nodes: 1 })
    const socket = lock(cluster.node(0), 'x')
    cluster.node(0).pause(60_000)
    socket.send('.keepalive\n')
    cluster.world.advance(61_000)
    expect(socket.text).toBe('ok\nalive\n')
    cluster.world.advance(3 * L)
    socket.send('.keepalive\n')
    cluster.world.advance(10)
    expect(socket.text).toBe('ok\nalive\nalive\n')
  })
})

describe('rule 3, ending an epoch', () => {
  it('counts a whole L anew under each leader, and keeps a node that renews', () => {
    const cluster = started()
    const holder = lock(cluster.node(2), 'x')
    const kept = lock(cluster.node(1), 'y')
    cluster.node(2).cut = true
    cluster.world.advance(0.8 * L)
    cluster.elect(cluster.node(1))
    cluster.world.advance(0.95 * L)
    expect(holder.closed).not.toBeNull()
    expect(cluster.node(0).machine.holder('x')).not.toBeNull()
    cluster.world.advance(0.1 * L)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
    cluster.world.advance(3 * L)
    kept.send('.keepalive\n')
    cluster.world.advance(10)
    expect(kept.text).toBe('ok\nalive\n')
  })

  it('answers no renewal once it has proposed the end', () => {
    const cluster = started()
    const { epoch } = cluster.node(2).front.stats()
    cluster.node(2).cut = true
    const answered: string[] = []
    cluster.node(0).sendPeer = (to, _lane, kind) => {
      if (kind === FrameKind.renewed) answered.push(to)
      return true
    }
    const renew = () => {
      cluster.node(0).front.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number: 999 }))
      cluster.world.advance(100)
      return answered.filter((to) => to === 'n3').length
    }
    cluster.world.advance(0.9 * L)
    expect(renew()).toBe(1)
    // From now on nothing is committed: the proposed end stays unapplied.
    cluster.faults.drop = 1
    cluster.world.advance(1.1 * L)
    expect(cluster.node(0).machine.isLive('n3', epoch)).toBe(true)
    expect(renew()).toBe(1)
  })

  it.each<[string, (cluster: Cluster) => void]>([
    ['of an epoch that is not live', (cluster) => cluster.commit(expire(cluster, 'n3'), cluster.term)],
    ['without a quorum', (cluster) => void [1, 2].map((at) => cluster.node(at).pause(5_000))],
    ['when another leads', (cluster) => cluster.elect(cluster.node(1))],
  ])('answers no renewal %s', (_, change) => {
    const cluster = started()
    const { epoch } = cluster.node(2).front.stats()
    const answered: number[] = []
    cluster.node(0).sendPeer = (_to, _lane, kind, payload) => {
      const answer = kind === FrameKind.renewed ? decodeRenewalAnswer(payload) : null
      if (answer !== null) answered.push(answer.number)
      return true
    }
    change(cluster)
    cluster.world.advance(2)
    cluster.node(0).front.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number: 999 }))
    cluster.world.advance(1_000)
    expect(answered).not.toContain(999)
  })

  it('keeps grants of surviving nodes over a leader change', () => {
    const cluster = started()
    const [one, two] = [lock(cluster.node(1), 'x'), session(cluster.node(2))]
    cluster.node(0).kill()
    cluster.world.advance(1_500)
    cluster.elect(cluster.node(2))
    cluster.world.advance(20)
    one.send('.keepalive\n')
    two.send('lock,id:1,name:y\n')
    cluster.world.advance(1_000)
    expect(one.text).toBe('ok\nalive\n')
    expect(two.text).toMatch(/ok,id:1,name:y/)
  })
})

describe('rules 5, 8, 10: proposals, repeats and ends', () => {
  it('proposes again after a leader change, and the effect happens once', () => {
    const cluster = started({ front: { requestTimeoutMs: 60_000 } })
    const open = session(cluster.node(1))
    cluster.elect(null)
    cluster.world.advance(20)
    open.send('lock,id:1,name:x\nlock,id:2,name:y\nrelease,id:3,name:x\n')
    const classic = cluster.node(2).connect()
    classic.send('lock,name:z\nrelease\n')
    cluster.world.advance(1_000)
    expect(open.text).not.toContain('id:')
    cluster.elect(cluster.node(2))
    // The leader is told at once, not at the next look at what is overdue.
    cluster.world.until(() => cluster.node(1).leader() === 'n3', 100, 1)
    cluster.world.until(() => open.text.includes('id:'), 5, 1)
    cluster.world.advance(1_000)
    expect(open.text.match(/ok,id:1/g)).toHaveLength(1)
    expect(open.text.match(/ok,id:2/g)).toHaveLength(1)
    expect(open.text.match(/released,id:3/g)).toHaveLength(1)
    expect(classic.text).toBe('ok\nreleased\n')
  })

  it('brings every request through a network that loses and doubles, with one answer each', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = started({ seed, front: { requestTimeoutMs: 60_000 } })
      const open = session(cluster.node(1))
      Object.assign(cluster.faults, { drop: 0.3, double: 0.3, commitMs: 20, applyMs: 20 })
      for (let n = 1; n <= 40; n++) open.send(`lock,id:${2 * n - 1},name:x\nrelease,id:${2 * n},name:x\n`)
      cluster.world.until(() => open.text.split('\n').length === 82)
      const lines = open.text.split('\n').slice(1, -1)
      const tokens = lines.filter((_, at) => at % 2 === 0).map((line) => Number(/token:(\d+)/.exec(line)?.[1]))
      expect(tokens, `seed ${seed}`).toEqual([...new Set(tokens)].sort((a, b) => a - b))
      expect(lines.map((line) => line.replace(/,token:\d+/, ''))).toEqual(
        Array.from({ length: 80 }, (_, at) => `${at % 2 === 0 ? 'ok' : 'released'},id:${at + 1},name:x`),
      )
    }
  })

  it('undoes a grant that comes after err,no quorum', () => {
    const cluster = started({ front: { requestTimeoutMs: 300 } })
    cluster.faults.commitMs = 5_000
    const sockets = Array.from({ length: 10 }, (_, n) => lock(cluster.node(1), `x${n}`))
    cluster.world.advance(1_000)
    expect(sockets.filter((socket) => socket.text === 'err,no quorum\n').length).toBeGreaterThan(5)
    cluster.faults.commitMs = 1
    cluster.world.advance(7_000)
    for (const [n, socket] of sockets.entries()) {
      if (socket.text === 'err,no quorum\n') expect(cluster.node(0).machine.holder(`x${n}`)).toBeNull()
    }
    expect(cluster.node(1).front.stats().unsettled).toBe(0)
  })

  it('says err,no quorum when a release is not decided in time, and the lock is free later', () => {
    const cluster = started({ front: { requestTimeoutMs: 300 } })
    const holder = lock(cluster.node(1), 'x')
    cluster.elect(null)
    holder.send('release\n')
    cluster.world.advance(500)
    expect(holder.text).toBe('ok\nerr,no quorum\n')
    expect(holder.closed).toBe('end')
    cluster.elect(cluster.node(0))
    cluster.world.advance(1_000)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
  })

  it('says not-granted only when the log has decided it', () => {
    const cluster = started({ front: { requestTimeoutMs: 2_000 } })
    const holder = lock(cluster.node(0), 'x')
    const waiter = lock(cluster.node(1), 'x', ',wait:1')
    cluster.elect(null)
    cluster.world.advance(1_500)
    expect(waiter.text).toBe('')
    // The grant is committed before the end of the wait is: the waiter gets the lock.
    cluster.faults.drop = 1
    holder.fin()
    cluster.faults.drop = 0
    cluster.elect(cluster.node(2))
    cluster.world.advance(1_000)
    expect(['ok\n', 'not-granted\n']).toContain(waiter.text)
    const granted = cluster.node(0).machine.holder('x') !== null
    expect(waiter.text).toBe(granted ? 'ok\n' : 'not-granted\n')
  })

  it('writes nothing positive to a connection once its end is proposed', () => {
    const cluster = started()
    const holder = lock(cluster.node(0), 'x')
    const waiter = lock(cluster.node(1), 'x', ',wait:forever')
    // The holder's end is committed first: the waiter is granted the lock after it gave up.
    holder.send('release\n')
    waiter.send('release\n')
    waiter.send('.keepalive\n')
    cluster.world.advance(100)
    expect(waiter.text).toBe('not-granted\n')
    expect(cluster.node(0).machine.holder('x')).toBeNull()
  })

  it('raises the floor over openings that it gave up', () => {
    const cluster = started({ front: { requestTimeoutMs: 200 } })
    const { epoch } = cluster.node(1).front.stats()
    const isApplied = (conn: number) => cluster.node(0).machine.openingApplied('n2', epoch, conn)
    cluster.faults.drop = 1
    expect(lock(cluster.node(1), 'x').text).toBe('')
    cluster.world.advance(400)
    cluster.faults.drop = 0
    expect(isApplied(1)).toBe(false)
    expect(lock(cluster.node(1), 'y').text).toBe('ok\n')
    expect([1, 2, 3].map(isApplied)).toEqual([true, true, false])
  })

  it('detaches a session that was resumed for a connection which is gone', () => {
    const cluster = started()
    const first = session(cluster.node(1))
    const [, id, secret] = /session:(\d+),secret:(\w+)/.exec(first.text) ?? []
    const second = cluster.node(2).connect()
    cluster.world.advance(1)
    cluster.faults.commitMs = 2_000
    second.send(`resume,session:${id},secret:${secret}\n`)
    second.break()
    cluster.world.advance(2_100)
    cluster.faults.commitMs = 1
    cluster.world.advance(4_000)
    const view = cluster.node(0).machine.session(Number(id))
    expect(view?.attach).toBe(2)
    expect(view?.where).toBeNull()
    expect(first.closed).not.toBeNull()
  })

  it('lets no connection number open twice when its opening was given up', () => {
    const cluster = started({ front: { requestTimeoutMs: 200 } })
    Object.assign(cluster.faults, { double: 1, commitMs: 400 })
    for (let n = 0; n < 20; n++) lock(cluster.node(1), `y${n}`).fin()
    cluster.world.advance(20_000)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
    expect(cluster.node(0).machine.lockCount).toBe(0)
  })
})

describe('rule 9, a snapshot on a serving node', () => {
  /** Node 3 hears nothing of what is committed meanwhile, and then gets the leader's snapshot. */
  function whileDeaf(cluster: Cluster, act: () => void): FakeNode {
    const node = cluster.node(2)
    cluster.faults.applyMs = 1
    const apply = node.applySoon.bind(node)
    node.applySoon = () => {}
    act()
    cluster.world.advance(200)
    node.applySoon = apply
    node.installSnapshotOf(cluster.node(0))
    cluster.world.advance(1_000)
    return node
  }

  it('gives the answers that were missed', () => {
    const cluster = started()
    const holder = lock(cluster.node(0), 'q')
    const node = cluster.node(2)
    const waiter = lock(node, 'q', ',wait:forever')
    const open = session(node)
    const releasing = lock(node, 'r')
    const asking = node.connect()
    const refused = node.connect()
    cluster.world.advance(10)
    whileDeaf(cluster, () => {
      holder.fin()
      open.send('lock,id:1,name:s\nlock,id:2,name:t\nrelease,id:3,name:t\n')
      releasing.send('release\n')
      asking.send('lock,name:u\n')
      refused.send('lock,name:s\n')
    })
    expect(waiter.text).toBe('ok\n')
    expect(open.text).toMatch(/ok,id:1,name:s,token:\d+\nok,id:2,name:t,token:\d+\nreleased,id:3,name:t\n$/)
    expect(releasing.text).toBe('ok\nreleased\n')
    expect(asking.text).toBe('ok\n')
    // A refusal whose session is gone cannot be told from another end: closed without a word.
    expect([refused.text, refused.closed]).toEqual(['', 'end'])
    open.send('.keepalive\n')
    cluster.world.advance(10)
    expect(open.text).toMatch(/alive\n$/)
    expect(node.front.stats().unsettled).toBe(0)
  })

  it('closes what was taken over elsewhere, and what asked without an id', () => {
    const cluster = started()
    const node = cluster.node(2)
    const [moved, unnamed] = [session(node), session(node)]
    const [, id, secret] = /session:(\d+),secret:(\w+)/.exec(moved.text) ?? []
    const before = [moved.text, unnamed.text]
    const elsewhere = cluster.node(1).connect()
    whileDeaf(cluster, () => {
      elsewhere.send(`resume,session:${id},secret:${secret}\n`)
      unnamed.send('lock,name:v\n')
    })
    expect(elsewhere.text).toMatch(/ready\n$/)
    expect([moved.text, unnamed.text]).toEqual(before)
    expect([moved.closed, unnamed.closed]).toEqual(['end', 'end'])
  })

  it('abandons an epoch that has ended, and ends sessions that nobody sits on', () => {
    const cluster = started()
    const node = cluster.node(2)
    const holder = lock(node, 'x')
    const { epoch } = node.front.stats()
    whileDeaf(cluster, () =>
      cluster.commit(encodeCommand({ type: CommandType.expireNode, node: 'n3', epoch }), cluster.term),
    )
    expect(holder.closed).not.toBeNull()
    expect(node.front.stats().epoch).not.toBe(epoch)
    const late = node.connect()
    whileDeaf(cluster, () => {
      late.send('lock,name:late\n')
      cluster.world.advance(5)
      late.break()
    })
    expect(cluster.node(0).machine.holder('late')).toBeNull()
  })
})

describe('clean stop', () => {
  it('closes, tells where to resume, frees classic locks by the next commit', () => {
    const cluster = started()
    const node = cluster.node(1)
    const holder = lock(node, 'x')
    const waiter = lock(cluster.node(2), 'x', ',wait:forever')
    const open = session(node)
    let stopped = false
    node.front.stop(() => {
      stopped = true
    })
    expect(holder.text).toBe('ok\n')
    expect(holder.closed).toBe('end')
    expect(open.text).toMatch(/moved,address:n1:7654\n$/)
    const late = node.connect()
    cluster.world.advance(50)
    expect(stopped).toBe(true)
    expect(waiter.text).toBe('ok\n')
    expect(late.closed).toBe('end')
    const [, id, secret] = /session:(\d+),secret:(\w+)/.exec(open.text) ?? []
    const resumed = cluster.node(0).connect()
    resumed.send(`resume,session:${id},secret:${secret}\n`)
    cluster.world.advance(50)
    expect(resumed.text).toMatch(/ready\n$/)
  })

  it('ends within its bound when there is no quorum, and names the next leader after a handover', () => {
    const cluster = started()
    const node = cluster.node(0)
    const open = session(node)
    cluster.elect(cluster.node(2))
    cluster.world.advance(100)
    node.front.closeClients()
    expect(open.text).toMatch(/moved,address:n3:7654\n$/)
    cluster.elect(null)
    cluster.world.advance(10)
    let stopped = false
    node.front.signOff(() => {
      stopped = true
    })
    cluster.world.advance(2_100)
    expect(stopped).toBe(true)
  })
})
