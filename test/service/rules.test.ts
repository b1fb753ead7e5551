/** Clauses of rules.md that need a schedule made for them. */
import { describe, expect, it } from 'vitest'
import type { Index } from '../../src/raft/core/types.js'
import { FrameKind, Lane } from '../../src/raft/ports/transport.js'
import { decodeRenewalAnswer, encodeRenewal } from '../../src/service/leases/renewal-frames.js'
import type { Cluster } from './kit/cluster.js'
import { L, lock, started } from './kit/helpers.js'
import type { FakeNode } from './kit/node.js'
import { hello, resume, talk } from './kit/session-helpers.js'

interface Frame {
  readonly to: string
  readonly lane: Lane
  readonly kind: FrameKind
}

/** What the node sends from now on; it arrives as ever. */
function framesOf(node: FakeNode): Frame[] {
  const frames: Frame[] = []
  const send = node.sendPeer.bind(node)
  node.sendPeer = (to, lane, kind, payload) => {
    frames.push({ to, lane, kind })
    return send(to, lane, kind, payload)
  }
  return frames
}

/** The numbers of the renewals that the node answers from now on. */
function answersOf(node: FakeNode): number[] {
  const numbers: number[] = []
  node.sendPeer = (_to, _lane, kind, payload) => {
    const answer = kind === FrameKind.renewed ? decodeRenewalAnswer(payload) : null
    if (answer !== null) numbers.push(answer.number)
    return true
  }
  return numbers
}

function removeMember(cluster: Cluster, raftId: number): void {
  const voters = cluster.nodes.map((node) => node.raftId).filter((id) => id !== raftId)
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  for (const node of cluster.nodes) {
    node.machine.applyMembership(node.appliedIndex(), confState, [], new Uint8Array())
  }
}

describe('rule 1, an epoch', () => {
  it('is made current once its record is synced', () => {
    const cluster = started()
    const node = cluster.node(1)
    const old = cluster.node(0).machine.currentEpoch('n2')
    node.kill()
    node.storeMs = 500
    node.boot()
    cluster.world.advance(450)
    expect(cluster.node(0).machine.currentEpoch('n2')).toBe(old)
    cluster.world.until(() => cluster.node(0).machine.currentEpoch('n2') !== old, 200)
    expect(node.records.map(({ epoch }) => epoch)).toContain(cluster.node(0).machine.currentEpoch('n2'))
  })

  it('has a whole L from the moment when its NodeUp is applied', () => {
    const cluster = started()
    cluster.world.advance(2 * L)
    const node = cluster.node(1)
    node.kill()
    node.sendPeer = () => false
    node.boot()
    cluster.world.until(() => node.service.stats().epoch !== 0, 1_000)
    const { epoch } = node.service.stats()
    cluster.world.advance(0.95 * L)
    expect(cluster.node(0).machine.isLive('n2', epoch)).toBe(true)
    cluster.world.advance(0.1 * L)
    expect(cluster.node(0).machine.isLive('n2', epoch)).toBe(false)
  })
})

describe('rule 2, renewals', () => {
  it('are sent five times in a lease and answered, all ahead of everything else', () => {
    const cluster = started()
    const [answers, renewals] = [framesOf(cluster.node(0)), framesOf(cluster.node(1))]
    cluster.world.advance(10 * L)
    expect(renewals.length).toBeGreaterThanOrEqual(49)
    expect(renewals.length).toBeLessThanOrEqual(51)
    expect(renewals.every(({ lane, kind }) => lane === Lane.control && kind === FrameKind.renew)).toBe(true)
    expect(answers.every(({ lane, kind }) => lane === Lane.control && kind === FrameKind.renewed)).toBe(true)
    expect(answers.filter(({ to }) => to === 'n2').length).toBeGreaterThanOrEqual(49)
  })

  it('give a right of 0.9 L less 50 ms, from their sending', () => {
    const cluster = started()
    let longestMs = 0
    for (let passed = 0; passed < 2 * L; passed++) {
      cluster.world.advance(1)
      longestMs = Math.max(longestMs, cluster.node(1).service.stats().speakRemainingMs)
    }
    expect(longestMs).toBeLessThanOrEqual(0.9 * L - 50)
    expect(longestMs).toBeGreaterThan(0.9 * L - 100)
  })

  it('are not made in place by the only voter of a new configuration while the old one counts', () => {
    const cluster = started()
    const leader = cluster.node(0)
    const holder = lock(leader, 'x')
    const status = leader.status()
    const confState = { ...status.confState, voters: [leader.raftId], votersOutgoing: status.confState.voters }
    leader.status = () => ({ ...status, confState })
    leader.cut = true
    cluster.world.advance(L)
    expect(holder.closed).not.toBeNull()
  })
})

describe('rule 3, the end of an epoch', () => {
  it.each([0, 300, 600, 900, 1_200, 1_500, 1_800])(
    'comes a whole L after the last renewal that was answered, and not much later (%d ms)',
    (phaseMs) => {
      // Renewals and the looks of the leader drift against each other.
      const cluster = started({ rates: [1, 1, 0.93] })
      const [leader, node] = [cluster.node(0), cluster.node(2)]
      const { epoch } = node.service.stats()
      let answeredAtMs = 0
      const send = leader.sendPeer.bind(leader)
      leader.sendPeer = (to, ...rest) => {
        if (to === 'n3') answeredAtMs = cluster.world.nowMs
        return send(to, ...rest)
      }
      cluster.world.advance(L + 9 * phaseMs)
      node.cut = true
      cluster.world.until(() => !leader.machine.isLive('n3', epoch), 2 * L, 1)
      // A round takes some milliseconds from the arrival of a renewal to its answer.
      expect(cluster.world.nowMs - answeredAtMs).toBeGreaterThan(L - 20)
      expect(cluster.world.nowMs - answeredAtMs).toBeLessThan(1.25 * L)
    },
  )

  it('is counted anew by a leader that led before', () => {
    const cluster = started()
    const { epoch } = cluster.node(2).service.stats()
    cluster.node(2).cut = true
    cluster.elect(cluster.node(1))
    cluster.world.advance(0.8 * L)
    cluster.elect(cluster.node(0))
    cluster.world.advance(0.95 * L)
    expect(cluster.node(0).machine.isLive('n3', epoch)).toBe(true)
  })
})

describe('rule 3, renewals', () => {
  it('are answered by a round that began after they arrived', () => {
    const cluster = started()
    const leader = cluster.node(0)
    const { epoch } = cluster.node(2).service.stats()
    const rounds: ((index: Index | null) => void)[] = []
    leader.confirmLeadership = (done) => void rounds.push(done)
    const answered = answersOf(leader)
    const renew = (number: number) =>
      leader.service.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number }))
    const confirm = () => rounds.shift()?.(leader.appliedIndex())
    cluster.node(1).cut = true
    cluster.node(2).cut = true
    renew(901)
    renew(902)
    confirm()
    expect(answered).toEqual([901])
    confirm()
    expect(answered).toEqual([901, 902])
  })

  it('of a removed member are not answered, and its epoch is ended', () => {
    const cluster = started()
    const holder = lock(cluster.node(2), 'x')
    const { epoch } = cluster.node(2).service.stats()
    removeMember(cluster, 3)
    cluster.world.advance(L)
    expect(holder.closed).not.toBeNull()
    cluster.world.advance(0.5 * L)
    expect(cluster.node(0).machine.isLive('n3', epoch)).toBe(false)
    expect(cluster.node(0).machine.holder('x')).toBeNull()
  })

  it('wait until the leader has applied an entry of its own term', () => {
    const cluster = started()
    const { epoch } = cluster.node(2).service.stats()
    cluster.node(0).kill()
    const leader = cluster.node(1)
    leader.applySoon = () => {}
    cluster.elect(leader)
    cluster.world.advance(20)
    expect(leader.isLeader()).toBe(true)
    const answered = answersOf(leader)
    leader.service.onPeerFrame('n3', FrameKind.renew, encodeRenewal({ epoch, number: 903 }))
    cluster.world.advance(500)
    expect(answered).toEqual([])
  })
})

describe('rule 4, a new leader', () => {
  it('goes on with the time of a detached session from what the state says is left, to its end', () => {
    const cluster = started()
    const one = hello(cluster.node(1), ',lease:5')
    talk(one.socket, 'lock,id:1,name:f\n')
    one.socket.break()
    cluster.world.advance(4_000)
    cluster.elect(cluster.node(2))
    // The last word of the former leader was at 3.25 s: 1.75 s.
    cluster.world.advance(1_650)
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
    cluster.world.advance(300)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
  })

  it('goes on with the delay of a lock from what the state says is left, to its end', () => {
    const cluster = started()
    const one = hello(cluster.node(1), ',lease:3')
    talk(one.socket, 'lock,id:1,name:f,delay:5\n')
    const waiter = lock(cluster.node(2), 'f', ',wait:forever')
    one.socket.break()
    cluster.world.advance(7_000)
    cluster.elect(cluster.node(2))
    cluster.world.advance(1_650)
    expect(waiter.text).toBe('')
    cluster.world.advance(300)
    expect(waiter.text).toBe('ok\n')
  })
})

describe('rule 5', () => {
  it('a FIN does not count once the node has begun to close the connection', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n')
    cluster.node(1).service.closeClients()
    expect(one.socket.text).toMatch(/moved,address:n1:7654\n$/)
    one.socket.handler?.fin()
    cluster.world.advance(50)
    expect(resume(cluster.node(0), one).text).toMatch(/held,name:f,\S*token:\d+\nready\n$/)
  })

  it('a session that is leaving is told of no grant', () => {
    const cluster = started()
    const [holder, one] = [hello(cluster.node(0)), hello(cluster.node(1))]
    talk(holder.socket, 'lock,id:1,name:q\n')
    talk(one.socket, 'lock,id:1,name:q,wait:forever\n')
    cluster.faults.drop = 1
    talk(one.socket, 'bye\n')
    cluster.faults.drop = 0
    const before = one.socket.text
    talk(holder.socket, 'release,id:2,name:q\n')
    cluster.world.advance(1_000)
    expect(one.socket.text).toBe(`${before}bye\n`)
    expect(cluster.node(0).machine.holder('q')).toBeNull()
  })

  it('a session whose connection the node closes is detached', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n', `${'x'.repeat(33_000)}\n`)
    expect(one.socket.closed).toBe('end')
    expect(resume(cluster.node(0), one).text).toMatch(/held,name:f/)
  })
})

/** While `act` happens the node applies nothing. */
function whileDeaf(node: FakeNode, act: () => void): void {
  const apply = node.applySoon.bind(node)
  node.applySoon = () => {}
  act()
  node.applySoon = apply
}

describe('rule 8', () => {
  it('a wait that is over is refused by the log only', () => {
    const cluster = started()
    const holder = hello(cluster.node(0))
    talk(holder.socket, 'lock,id:1,name:q\n')
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,id:1,name:q,wait:1\n')
    cluster.world.advance(900)
    cluster.faults.drop = 1
    cluster.world.advance(200)
    cluster.faults.drop = 0
    talk(holder.socket, 'release,id:2,name:q\n')
    cluster.world.advance(1_000)
    expect(socket.text).toMatch(/\nqueued,id:1,\S+\nok,id:1,name:q,token:\d+\n$/)
  })

  it('a node that does not know a session yet does not refuse it', () => {
    const cluster = started()
    const node = cluster.node(2)
    const socket = node.connect()
    whileDeaf(node, () => {
      const { session, secret } = hello(cluster.node(1))
      talk(socket, `resume,session:${session},secret:${secret}\n`)
      expect([socket.text, socket.closed]).toEqual(['', null])
    })
    node.applySoon(1)
    cluster.world.advance(1_000)
    expect(socket.text).toMatch(/^welcome,.*\nready\n$/)
  })
})

describe('rule 9', () => {
  it('a place in a queue that only a snapshot tells of is told', () => {
    const cluster = started()
    const node = cluster.node(2)
    lock(cluster.node(0), 'q')
    const { socket } = hello(node)
    whileDeaf(node, () => {
      talk(socket, 'lock,id:1,name:q,wait:forever\n')
      cluster.world.advance(50)
    })
    node.installSnapshotOf(cluster.node(0))
    expect(socket.text).toMatch(/\nqueued,id:1,name:q,position:1\n$/)
  })
})

describe('rule 11', () => {
  it('the waits that a resumed session brings along are counted by its node', () => {
    const cluster = started()
    lock(cluster.node(0), 'q')
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:q,wait:5\n')
    one.socket.break()
    cluster.world.advance(1_000)
    const again = resume(cluster.node(2), one)
    cluster.world.advance(3_900)
    expect(again.text).toMatch(/ready\n$/)
    cluster.world.advance(200)
    expect(again.text).toMatch(/\nnot-granted,id:1,/)
  })
})

describe('rule 10', () => {
  it('a request that was acknowledged is dropped, and `bye` does not wait for it', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,id:1,name:a\n', 'release,id:2,name:a,ack:1\n')
    expect(talk(socket, 'lock,id:1,name:a\nbye\n')).toBe('bye\n|closed')
  })
})

describe('rule 7, a process that was stopped', () => {
  it('does not take for silence what it has not read yet', () => {
    const cluster = started()
    const node = cluster.node(1)
    const { socket } = hello(node, ',lease:3')
    node.pause(4_000)
    cluster.world.advance(2_500)
    socket.send('.keepalive\n')
    cluster.world.advance(2_000)
    expect(socket.text).toContain('\nalive\n')
    expect(socket.closed).toBeNull()
  })
})

describe('rule 7, a machine that was suspended', () => {
  it('has counted the time for its right to speak', () => {
    const cluster = started()
    const holder = lock(cluster.node(1), 'x')
    cluster.node(1).suspendedMs = L
    holder.send('.keepalive\n')
    cluster.world.advance(1)
    expect(holder.text).toBe('ok\n')
    expect(holder.closed).not.toBeNull()
  })

  it('has not counted it for the leases of others', () => {
    const cluster = started()
    const { epoch } = cluster.node(1).service.stats()
    cluster.node(1).cut = true
    cluster.world.advance(0.4 * L)
    cluster.node(0).suspendedMs = 0.7 * L
    cluster.world.advance(0.3 * L)
    expect(cluster.node(0).machine.isLive('n2', epoch)).toBe(true)
  })

  it('has not counted it for the waits of its clients', () => {
    const cluster = started()
    lock(cluster.node(0), 'x')
    const [short, long] = [3, 7].map((seconds) => lock(cluster.node(1), 'x', `,wait:${seconds}`))
    cluster.node(1).suspendedMs = 0.5 * L
    cluster.world.advance(4_000)
    expect([short?.text, long?.text]).toEqual(['not-granted\n', ''])
    cluster.world.advance(4_000)
    expect(long?.text).toBe('not-granted\n')
  })
})
