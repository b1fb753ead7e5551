/** `delay`, `min-hold` and `ttl` of real sessions, over leaders that change: never short (rules.md, tails). */
import { describe, expect, it } from 'vitest'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import type { Cluster } from '../kit/cluster.js'
import { hello, type Opened, startedAtLevel, talk } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

const started = () => startedAtLevel(SERVICE_LEVEL)

/** A session that waits for `x` from now on. */
function waiter(cluster: Cluster, more = ''): FakeSocket {
  const { socket } = hello(cluster.node(1), ',lease:60')
  talk(socket, `lock,id:1,name:x,wait:forever${more}\n`)
  return socket
}

const isGranted = (socket: FakeSocket) => socket.text.includes('\nok,id:1,')

/** After how long the waiter is granted, if every so often another node leads. */
function grantedAfter(cluster: Cluster, socket: FakeSocket, everyMs = 600_000, limitMs = 300_000): number {
  const { world } = cluster
  const sinceMs = world.nowMs
  for (let turn = 1; !isGranted(socket); turn++) {
    for (let ms = 0; ms < everyMs && !isGranted(socket); ms += 10) {
      world.advance(10)
      if (world.nowMs - sinceMs > limitMs) throw new Error('it is never granted')
    }
    if (!isGranted(socket)) cluster.elect(cluster.node(turn % 2))
  }
  return world.nowMs - sinceMs
}

function holder(cluster: Cluster, terms: string, session = ',lease:3'): Opened {
  const opened = hello(cluster.node(2), session)
  talk(opened.socket, `lock,id:1,name:x${terms}\n`)
  expect(opened.socket.text).toMatch(/\nok,id:1,/)
  return opened
}

describe('min-hold', () => {
  it('is counted from the grant, and goes on when the lock is given back', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',min-hold:10', ',lease:20')
    cluster.world.advance(4_000)
    expect(talk(socket, 'release,id:2,name:x\n')).toMatch(/^released,id:2/)
    const next = waiter(cluster)
    const tookMs = grantedAfter(cluster, next)
    expect(tookMs).toBeGreaterThan(10_000 - 4_000 - 200)
    expect(tookMs).toBeLessThan(10_000 - 4_000 + 100)
  })

  it('leaves nothing when it is over before the release', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',min-hold:2')
    const next = waiter(cluster)
    cluster.world.advance(1_800)
    expect(isGranted(next)).toBe(false)
    cluster.world.advance(1_000)
    talk(socket, 'release,id:2,name:x\n')
    cluster.world.advance(20)
    expect(isGranted(next)).toBe(true)
  })

  it('is no delay to the next leader, who would end one that there is not again and again', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',min-hold:600', ',lease:60')
    talk(socket, 'release,id:2,name:x\n')
    cluster.elect(cluster.node(1))
    cluster.world.advance(1_000)
    const before = cluster.log.length
    cluster.world.advance(20_000)
    expect(cluster.log.length - before).toBe(0)
  })

  it('is not short, and not much longer, while leaders change', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',min-hold:12')
    talk(socket, 'release,id:2,name:x\n')
    const tookMs = grantedAfter(cluster, waiter(cluster), 5_000)
    expect(tookMs).toBeGreaterThan(12_000 - 200)
    expect(tookMs).toBeLessThan(24_000)
  })
})

describe('delay', () => {
  it('stands after a session that ended without `bye`, and not after `bye`', () => {
    for (const [leave, leastMs, mostMs] of [
      [(socket: FakeSocket) => socket.fin(), 3_800, 4_300],
      [(socket: FakeSocket) => socket.send('bye\n'), 0, 100],
    ] as const) {
      const cluster = started()
      const { socket } = holder(cluster, ',delay:4')
      const next = waiter(cluster)
      leave(socket)
      const tookMs = grantedAfter(cluster, next)
      expect(tookMs).toBeGreaterThanOrEqual(leastMs)
      expect(tookMs).toBeLessThan(mostMs)
    }
  })

  it('goes on where the last leader was', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',delay:12')
    const next = waiter(cluster)
    socket.fin()
    const tookMs = grantedAfter(cluster, next, 5_000)
    expect(tookMs).toBeGreaterThan(12_000 - 200)
    expect(tookMs).toBeLessThan(24_000)
  })

  it('of two times of a tail the longer counts', () => {
    for (const terms of [',delay:3,min-hold:8', ',delay:8,min-hold:3']) {
      const cluster = started()
      const { socket } = holder(cluster, terms)
      const next = waiter(cluster)
      socket.fin()
      const tookMs = grantedAfter(cluster, next)
      expect(tookMs).toBeGreaterThan(7_800)
      expect(tookMs).toBeLessThan(8_300)
    }
  })
})

describe('a leader that hands over', () => {
  it('says what is left of the times of holds, to the millisecond', () => {
    const cluster = started()
    holder(cluster, ',min-hold:50,ttl:60', ',lease:60')
    cluster.world.advance(4_000)
    const left = () => [...cluster.node(0).machine.timedHolds()].map(({ clock, forMs }) => [clock, forMs])
    expect(left()).toEqual([
      ['minHold', 50_000],
      ['ttl', 60_000],
    ])
    cluster.node(0).service.onHandingOver()
    cluster.world.advance(10)
    const [minHoldMs = 0, ttlMs = 0] = left().map(([, forMs]) => Number(forMs))
    expect(minHoldMs).toBeGreaterThan(45_900)
    expect(minHoldMs).toBeLessThan(46_100)
    expect(ttlMs).toBeGreaterThan(55_900)
    expect(ttlMs).toBeLessThan(56_100)
  })
})

describe('a done-mark and a freeze that end', () => {
  it('end by the clock of the leader, also of one that takes over', () => {
    for (const hasAnother of [false, true]) {
      const cluster = started()
      const { socket } = holder(cluster, ',once:built,once-ttl:20', ',lease:60')
      const operator = hello(cluster.node(0), ',lease:60').socket
      const until = Math.floor(cluster.world.nowMs / 1_000) + 20
      talk(socket, `release,id:2,name:x,token:${/token:(\d+)/.exec(socket.text)?.[1]},done:yes\n`)
      expect(talk(operator, `.freeze,id:1,prefix:f/,until:${until},reason:work\n`)).toMatch(/^frozen/)
      const { marks, freezes } = cluster.node(0).machine.inspect()
      if (hasAnother) cluster.elect(cluster.node(1))
      cluster.world.advance(18_000)
      expect([marks.size, freezes.size]).toEqual([1, 1])
      cluster.world.advance(4_000)
      const after = cluster.node(0).machine.inspect()
      expect([after.marks.size, after.freezes.size]).toEqual([0, 0])
    }
  })
})

describe('ttl', () => {
  it('ends the hold after its time, and the session lives on', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',ttl:5', ',lease:10')
    cluster.world.advance(4_900)
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
    cluster.world.advance(200)
    expect(socket.text).toMatch(/\nlost,name:x,token:\d+,reason:ttl\n$/)
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
  })

  it('is counted on by the next leader', () => {
    const cluster = started()
    const { socket } = holder(cluster, ',ttl:12', ',lease:60')
    for (let turn = 1; turn <= 4; turn++) {
      cluster.world.advance(2_900)
      expect(socket.text).not.toMatch(/lost/)
      cluster.elect(cluster.node(turn % 2))
    }
    cluster.world.until(() => /lost,name:x/.test(socket.text), 12_000)
  })

  it('ends a loose hold without asking anybody', () => {
    const cluster = started()
    const opened = holder(cluster, ',ttl:5,loose:yes')
    talk(opened.socket, 'bye\n')
    const tookMs = grantedAfter(cluster, waiter(cluster))
    expect(tookMs).toBeGreaterThan(4_700)
    expect(tookMs).toBeLessThan(5_300)
  })
})
