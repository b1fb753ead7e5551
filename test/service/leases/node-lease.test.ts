/** Rules 1 to 3 of rules.md, in virtual time. */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { FrameKind } from '../../../src/raft/ports/transport.js'
import {
  decodeRenewal,
  decodeRenewalAnswer,
  encodeRenewal,
  encodeRenewalAnswer,
} from '../../../src/service/leases/renewal-frames.js'
import { TwinError } from '../../../src/service/leases/twin-error.js'
import type { Cluster } from '../kit/cluster.js'
import { expire, L, lock, session, started } from '../kit/helpers.js'
import type { FakeNode } from '../kit/node.js'

describe('rule 1, epochs', () => {
  it('frees the locks of a killed process as soon as its successor is up, by its record', () => {
    const cluster = started()
    lock(cluster.node(1), 'x')
    cluster.node(1).kill()
    cluster.world.advance(50)
    cluster.node(1).boot()
    cluster.world.advance(300)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
    cluster.world.until(() => cluster.node(1).service.stats().speakRemainingMs > 0, 1_000)
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
    cluster.world.until(() => cluster.node(1).service.stats().speakRemainingMs > 0, 1_000)
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
    const stranger = {
      type: CommandType.nodeUp,
      node: 'n2',
      epoch: 77,
      expected,
      dead: 0,
      address: 'n2:1',
      peer: '',
      programLevel: 1,
    } as const
    cluster.commit(encodeCommand(stranger), cluster.term)
    cluster.world.advance(100)
    expect(cluster.node(1).fatal).toEqual([expect.any(TwinError)])
    expect(cluster.node(0).fatal).toEqual([])
  })

  it('serves under a new epoch after its own lapsed, whose locks are free at once', () => {
    const cluster = started()
    const socket = lock(cluster.node(1), 'x')
    cluster.node(1).cut = true
    cluster.world.until(() => socket.closed !== null)
    const old = cluster.node(0).machine.currentEpoch('n2')
    cluster.node(1).cut = false
    cluster.world.until(() => cluster.node(1).service.stats().speakRemainingMs > 0, 2_000)
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
    cluster.world.until(() => node.service.stats().speakRemainingMs > 0, 2_000)
    expect(lock(node, 'z').text).toBe('ok\n')
  })

  it('serves only once its first renewal is answered', () => {
    const cluster = started()
    cluster.node(0).sendPeer = () => false
    cluster.node(1).kill()
    cluster.node(1).boot()
    cluster.world.advance(1_000)
    expect(cluster.node(1).service.stats().epoch).not.toBe(0)
    expect(lock(cluster.node(1), 'x').text).toBe('err,no quorum\n')
  })

  it('looks at the clock when a word is written, not only when a turn begins', () => {
    const cluster = started()
    const holder = lock(cluster.node(1), 'x')
    const handler = holder.handler
    cluster.world.leap(L)
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
      return cluster.node(1).service.stats().speakRemainingMs + cluster.world.nowMs
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
      node.service.onPeerFrame('n1', FrameKind.renewed, answer)
    }
    expect(node.service.stats().speakRemainingMs).toBe(0)
    expect(node.service.stats().epoch).toBe(0)
  })

  it('counts an answer only once the node has applied what it names', () => {
    const cluster = started()
    const node = cluster.node(1)
    const { epoch, speakRemainingMs } = node.service.stats()
    cluster.faults.applyMs = 1
    const answer = (commitIndex: number) => {
      for (let number = 1; number < 50; number++) {
        node.service.onPeerFrame('n1', FrameKind.renewed, encodeRenewalAnswer({ epoch, number, commitIndex }))
      }
    }
    cluster.node(0).cut = true
    cluster.world.advance(0.3 * L)
    answer(node.appliedIndex() + 1)
    expect(node.service.stats().speakRemainingMs).toBeLessThan(speakRemainingMs - 0.2 * L)
    cluster.commit(null, cluster.term)
    cluster.world.until(() => node.service.stats().speakRemainingMs > 0.65 * L, 100, 1)
  })

  it('counts an answer for the renewal that it names, and not for a later one', () => {
    const cluster = started()
    const node = cluster.node(1)
    const sent: { readonly number: number; readonly atMs: number }[] = []
    node.sendPeer = (_to, _lane, kind, payload) => {
      if (kind === FrameKind.renew)
        sent.push({ number: decodeRenewal(payload)?.number ?? 0, atMs: cluster.world.nowMs })
      return true
    }
    cluster.world.advance(0.5 * L)
    const [first] = sent
    expect(sent.length).toBeGreaterThan(1)
    const { epoch } = node.service.stats()
    const answer = { epoch, number: first?.number ?? 0, commitIndex: node.appliedIndex() }
    node.service.onPeerFrame('n1', FrameKind.renewed, encodeRenewalAnswer(answer))
    const ageMs = cluster.world.nowMs - (first?.atMs ?? 0)
    expect(node.service.stats().speakRemainingMs).toBeLessThanOrEqual(0.9 * L - ageMs)
    expect(node.service.stats().speakRemainingMs).toBeGreaterThan(0.8 * L - ageMs)
  })

  it('counts from the sending of a renewal, however late its answer', () => {
    const cluster = started()
    cluster.world.advance(100)
    cluster.faults.peerMs = 4_000
    let longest = 0
    for (let passed = 0; passed < 20 * L; passed += 50) {
      const before = cluster.node(1).service.stats().speakRemainingMs
      cluster.world.advance(50)
      const after = cluster.node(1).service.stats().speakRemainingMs
      if (after > before) longest = Math.max(longest, after)
    }
    // Answers arrive up to 8 s after the sending, mostly much later than at once.
    expect(longest).toBeGreaterThan(0)
    expect(longest).toBeLessThan(0.9 * L - 50)
    cluster.node(0).sendPeer = () => false
    cluster.faults.peerMs = 1
    const from = cluster.world.nowMs
    cluster.world.until(() => cluster.node(1).service.stats().speakRemainingMs === 0)
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
    const { epoch } = cluster.node(2).service.stats()
    cluster.node(2).cut = true
    const answered: string[] = []
    cluster.node(0).sendPeer = (to, _lane, kind) => {
      if (kind === FrameKind.renewed) answered.push(to)
      return true
    }
    const renew = () => {
      cluster.node(0).service.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number: 999 }))
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
    const { epoch } = cluster.node(2).service.stats()
    const answered: number[] = []
    cluster.node(0).sendPeer = (_to, _lane, kind, payload) => {
      const answer = kind === FrameKind.renewed ? decodeRenewalAnswer(payload) : null
      if (answer !== null) answered.push(answer.number)
      return true
    }
    change(cluster)
    cluster.world.advance(2)
    cluster.node(0).service.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number: 999 }))
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
