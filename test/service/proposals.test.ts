/** Rules 5 and 8 to 10 of rules.md, and the clean stop, in virtual time. */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType } from '../../src/locks/commands/commands.js'
import type { Cluster } from './kit/cluster.js'
import { lock, session, started } from './kit/helpers.js'
import type { FakeNode } from './kit/node.js'

describe('rules 5, 8, 10: proposals, repeats and ends', () => {
  it('proposes again after a leader change, and the effect happens once', () => {
    const cluster = started({ service: { requestTimeoutMs: 60_000 } })
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
      const cluster = started({ seed, service: { requestTimeoutMs: 60_000 } })
      const open = session(cluster.node(1))
      Object.assign(cluster.faults, { drop: 0.3, double: 0.3, commitMs: 20, applyMs: 20 })
      // So few that the slowest seed is done before the silent client's lease of 60 s ends.
      for (let n = 1; n <= 30; n++) open.send(`lock,id:${2 * n - 1},name:x\nrelease,id:${2 * n},name:x\n`)
      cluster.world.until(() => open.text.split('\n').length === 62)
      const lines = open.text.split('\n').slice(1, -1)
      const tokens = lines.filter((_, at) => at % 2 === 0).map((line) => Number(/token:(\d+)/.exec(line)?.[1]))
      expect(tokens, `seed ${seed}`).toEqual([...new Set(tokens)].sort((a, b) => a - b))
      expect(lines.map((line) => line.replace(/,token:\d+/, ''))).toEqual(
        Array.from({ length: 60 }, (_, at) => `${at % 2 === 0 ? 'ok' : 'released'},id:${at + 1},name:x`),
      )
    }
  })

  it('undoes a grant that comes after err,no quorum', () => {
    const cluster = started({ service: { requestTimeoutMs: 300 } })
    cluster.faults.commitMs = 5_000
    const sockets = Array.from({ length: 10 }, (_, n) => lock(cluster.node(1), `x${n}`))
    cluster.world.advance(1_000)
    expect(sockets.filter((socket) => socket.text === 'err,no quorum\n').length).toBeGreaterThan(5)
    cluster.faults.commitMs = 1
    cluster.world.advance(7_000)
    for (const [n, socket] of sockets.entries()) {
      if (socket.text === 'err,no quorum\n') expect(cluster.node(0).machine.holder(`x${n}`)).toBeNull()
    }
    expect(cluster.node(1).service.stats().unsettled).toBe(0)
  })

  it('says err,no quorum when a release is not decided in time, and the lock is free later', () => {
    const cluster = started({ service: { requestTimeoutMs: 300 } })
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
    const cluster = started({ service: { requestTimeoutMs: 2_000 } })
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
    const cluster = started({ service: { requestTimeoutMs: 200 } })
    const { epoch } = cluster.node(1).service.stats()
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
    const cluster = started({ service: { requestTimeoutMs: 200 } })
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
    expect(node.service.stats().unsettled).toBe(0)
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
    const { epoch } = node.service.stats()
    whileDeaf(cluster, () =>
      cluster.commit(encodeCommand({ type: CommandType.expireNode, node: 'n3', epoch }), cluster.term),
    )
    expect(holder.closed).not.toBeNull()
    expect(node.service.stats().epoch).not.toBe(epoch)
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
    node.service.stop(() => {
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
    node.service.closeClients()
    expect(open.text).toMatch(/moved,address:n3:7654\n$/)
    cluster.elect(null)
    cluster.world.advance(10)
    let stopped = false
    node.service.signOff(() => {
      stopped = true
    })
    cluster.world.advance(2_100)
    expect(stopped).toBe(true)
  })
})
