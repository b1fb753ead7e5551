/** What only the leader does, when leaders change and when its proposals are lost (rules.md rules 3, 4). */
import { describe, expect, it } from 'vitest'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import type { Cluster } from '../kit/cluster.js'
import { L, lock, started } from '../kit/helpers.js'
import { hello, startedAtLevel, talk } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

/** A session of this lease holds `x`, and its client breaks off without a word. */
function brokenOff(cluster: Cluster, leaseSeconds: number, more = ''): void {
  const { socket } = hello(cluster.node(2), `,lease:${leaseSeconds}`)
  talk(socket, `lock,id:1,name:x${more}\n`)
  socket.break()
  cluster.world.advance(50)
  expect([...cluster.node(0).machine.detachedSessions()]).toHaveLength(1)
}

const isFree = (cluster: Cluster) => cluster.node(0).machine.holder('x') === null
const isDelayed = (cluster: Cluster) => [...cluster.node(0).machine.timedHolds()].length > 0

/** Leaders 0 and 1 in turn; returns how long it took. */
function changingLeaders(cluster: Cluster, everyMs: number, done: () => boolean, limitMs: number): number {
  const startMs = cluster.world.nowMs
  for (let turn = 1; !done() && cluster.world.nowMs - startMs < limitMs; turn++) {
    cluster.elect(cluster.node(turn % 2))
    for (let ms = 0; ms < everyMs && !done(); ms += 50) cluster.world.advance(50)
  }
  return cluster.world.nowMs - startMs
}

/** Nothing that the leader proposes is committed, until `undo`. */
function loseOneProposal(cluster: Cluster, ms: number): void {
  cluster.faults.drop = 1
  cluster.world.advance(ms)
  cluster.faults.drop = 0
}

describe('time that a leader has counted', () => {
  it.each([3_000, 5_000])('of a detached session is not lost while leaders change every %d ms', (everyMs) => {
    const cluster = started()
    brokenOff(cluster, 10)
    const tookMs = changingLeaders(cluster, everyMs, () => isFree(cluster), 60_000)
    // Never early; what a leader counted since its last checkpoint is lost with it.
    expect(tookMs).toBeGreaterThan(10_000 - 100)
    expect(tookMs).toBeLessThan(everyMs === 3_000 ? 30_000 : 18_000)
  })

  it('of a delay is not lost either', () => {
    const cluster = started()
    brokenOff(cluster, 3, ',delay:10')
    cluster.world.until(() => isDelayed(cluster), 10_000)
    const tookMs = changingLeaders(cluster, 5_000, () => !isDelayed(cluster), 60_000)
    expect(tookMs).toBeGreaterThan(10_000 - 100)
    expect(tookMs).toBeLessThan(18_000)
  })

  it('is told before a leader hands over, to the millisecond', () => {
    const cluster = started()
    brokenOff(cluster, 60)
    cluster.world.advance(9_000)
    const left = () => [...cluster.node(0).machine.detachedSessions()][0]?.forMs ?? 0
    expect(left()).toBe(60_000)
    cluster.node(0).service.onHandingOver()
    cluster.world.advance(10)
    expect(left()).toBeLessThan(51_100)
    expect(left()).toBeGreaterThan(50_900)
  })

  it('is told seldom: a quarter of what is left, and not for what is resumed', () => {
    const cluster = started()
    brokenOff(cluster, 60)
    const before = cluster.log.length
    cluster.world.advance(40_000)
    // At 60, 45, 33.8 and 25.3 s left.
    expect(cluster.log.length - before).toBe(3)
  })

  it('grows no log for many: the rest is left out', () => {
    const cluster = started()
    const count = 2_000
    const sockets = Array.from({ length: count }, () => cluster.node(2).connect())
    for (const socket of sockets) socket.send('hello,version:2,redirect:no,lease:60\n')
    cluster.world.until(() => sockets.every(({ text }) => text !== ''))
    for (const socket of sockets) socket.send('lock,id:1,name:x\n')
    cluster.world.advance(100)
    for (const socket of sockets) socket.break()
    cluster.world.until(() => [...cluster.node(0).machine.detachedSessions()].length === count)
    const before = cluster.log.length
    cluster.world.advance(16_000)
    expect(cluster.log.length - before).toBeGreaterThan(0)
    expect(cluster.log.length - before).toBeLessThan(count / 4)
  })

  it('is not counted for epochs: there a whole lease begins with each leader', () => {
    const cluster = started()
    lock(cluster.node(2), 'x')
    cluster.node(2).kill()
    const tookMs = changingLeaders(cluster, 0.6 * L, () => isFree(cluster), 3 * L)
    expect(tookMs).toBeGreaterThanOrEqual(3 * L)
  })
})

describe('what a leader proposes is proposed again when it is lost', () => {
  it('the end of a detached session', () => {
    const cluster = started()
    brokenOff(cluster, 3)
    cluster.world.advance(2_900)
    loseOneProposal(cluster, 300)
    expect(isFree(cluster)).toBe(false)
    cluster.world.advance(1_000)
    expect(isFree(cluster)).toBe(true)
  })

  it('the end of a delay', () => {
    const cluster = started()
    brokenOff(cluster, 3, ',delay:4')
    cluster.world.until(() => isDelayed(cluster), 10_000)
    cluster.world.advance(3_800)
    loseOneProposal(cluster, 400)
    expect(isDelayed(cluster)).toBe(true)
    cluster.world.advance(1_000)
    expect(isDelayed(cluster)).toBe(false)
  })

  it('the end of an epoch', () => {
    const cluster = started()
    lock(cluster.node(2), 'x')
    cluster.node(2).kill()
    cluster.world.advance(L - 300)
    loseOneProposal(cluster, 600)
    expect(isFree(cluster)).toBe(false)
    cluster.world.advance(1_000)
    expect(isFree(cluster)).toBe(true)
  })

  it('the end of a wait of a detached session', () => {
    const cluster = started()
    lock(cluster.node(0), 'x')
    const { socket } = hello(cluster.node(2), ',lease:60')
    talk(socket, 'lock,id:1,name:x,wait:5\n')
    socket.break()
    cluster.world.advance(4_900)
    loseOneProposal(cluster, 400)
    expect(cluster.node(0).machine.waiterCount).toBe(1)
    cluster.world.advance(1_000)
    expect(cluster.node(0).machine.waiterCount).toBe(0)
  })

  it('a sweep, in a cluster where nothing else happens', () => {
    const cluster = started()
    const holders = Array.from({ length: 6_000 }, () => cluster.node(2).connect())
    for (const [i, holder] of holders.entries()) holder.send(`lock,name:name-${i}\n`)
    cluster.world.until(() => holders.every(({ text }) => text === 'ok\n'))
    cluster.node(2).kill()
    cluster.world.until(() => cluster.node(0).machine.sweepPending(), 2 * L, 1)
    loseOneProposal(cluster, 100)
    expect(cluster.node(0).machine.sweepPending()).toBe(true)
    cluster.world.advance(2_000)
    expect(cluster.node(0).machine.sweepPending()).toBe(false)
  })
})

describe('what one entry may not grant', () => {
  const WAITERS = 3_000

  /** As many readers as wait for `x`, which a writer holds, in a cluster of level 2 where nothing else happens. */
  function waiting(): { cluster: Cluster; readers: FakeSocket[]; writer: FakeSocket } {
    const cluster = startedAtLevel(SERVICE_LEVEL)
    const { socket: writer } = hello(cluster.node(2), ',lease:600')
    talk(writer, 'lock,id:1,name:x\n')
    const readers = Array.from({ length: WAITERS }, () => cluster.node(1).connect())
    for (const reader of readers) reader.send('lock,name:x,mode:shared,wait:forever\n')
    cluster.world.until(() => cluster.node(0).machine.waiterCount === WAITERS)
    return { cluster, readers, writer }
  }

  const granted = (readers: readonly FakeSocket[]) => readers.filter(({ text }) => text === 'ok\n').length

  it('is granted by the entries that follow, which the leader sees to', () => {
    const { cluster, readers, writer } = waiting()
    const before = cluster.log.length
    talk(writer, 'release,id:2,name:x\n')
    cluster.world.until(() => granted(readers) === WAITERS, 1_000)
    // 1,024 by the release itself.
    expect(cluster.log.length - before).toBe(3)
  })

  it('is granted although the entry that should have done it was lost', () => {
    const { cluster, readers, writer } = waiting()
    writer.send('release,id:2,name:x\n')
    cluster.world.until(() => granted(readers) > 0, 1_000, 1)
    loseOneProposal(cluster, 100)
    expect(granted(readers)).toBeLessThan(WAITERS)
    cluster.world.until(() => granted(readers) === WAITERS, 2_000)
  })

  it('is granted under the next leader', () => {
    const { cluster, readers, writer } = waiting()
    writer.send('release,id:2,name:x\n')
    cluster.world.until(() => granted(readers) > 0, 1_000, 1)
    cluster.faults.drop = 1
    cluster.world.advance(5)
    cluster.elect(cluster.node(1))
    cluster.faults.drop = 0
    cluster.world.until(() => granted(readers) === WAITERS, 3_000)
  })
})
