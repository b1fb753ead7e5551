/** Breaking one hold (rules.md rule 12): who is told when, and when the lock passes on. */
import { describe, expect, it } from 'vitest'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import type { Cluster } from '../kit/cluster.js'
import { lock } from '../kit/helpers.js'
import { hello, type Opened, resume, startedAtLevel, talk, tokenOf } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

const LEASE_MS = 10_000

class Scene {
  readonly cluster: Cluster
  readonly holder: Opened
  readonly next: FakeSocket
  readonly operator: FakeSocket
  readonly token: number

  /** A session at node 2 holds `x`; another waits for it at node 1. Node 0 leads. */
  constructor(session = ',lease:10', lockTerms = '') {
    this.cluster = startedAtLevel(SERVICE_LEVEL)
    this.holder = hello(this.cluster.node(2), session)
    talk(this.holder.socket, `lock,id:1,name:x${lockTerms}\n`)
    this.token = tokenOf(this.holder, 'x')
    this.next = hello(this.cluster.node(1), ',lease:80000').socket
    talk(this.next, 'lock,id:1,name:x,wait:forever\n')
    this.operator = hello(this.cluster.node(0), ',lease:80000').socket
  }

  force(more = ''): string {
    return talk(this.operator, `.force-release,id:1,name:x,token:${this.token},reason:stuck${more}\n`)
  }

  get isPassedOn(): boolean {
    return /\nok,id:1,name:x/.test(this.next.text)
  }

  /** Keeps the session alive for so long; returns after how many ms the lock has passed on. */
  live(ms: number, socket = this.holder.socket): number | null {
    const { world } = this.cluster
    const sinceMs = world.nowMs
    while (world.nowMs - sinceMs < ms) {
      if (world.nowMs % 1_000 < 10) socket.send('.keepalive\n')
      world.advance(10)
      if (this.isPassedOn) return world.nowMs - sinceMs
    }
    return null
  }
}

describe('a hold that is broken', () => {
  it('is told at once, and passes on a whole lease later', () => {
    const scene = new Scene()
    const { holder, token } = scene
    expect(scene.force()).toMatch(new RegExp(`^forced,id:1,name:x,token:${token},within:\\d+\n$`))
    expect(holder.socket.text).toMatch(new RegExp(`\\nlost,name:x,token:${token},reason:forced\\n$`))
    const tookMs = scene.live(12_000)
    expect(tookMs).toBeGreaterThan(LEASE_MS - 100)
    expect(tookMs).toBeLessThan(LEASE_MS + 200)
    expect(talk(holder.socket, '.keepalive\n')).toBe('alive\n')
  })

  it('passes on when the client gives it back', () => {
    const scene = new Scene()
    scene.force()
    expect(talk(scene.holder.socket, `release,id:2,name:x,token:${scene.token}\n`)).toBe('released,id:2,name:x\n')
    scene.cluster.world.advance(20)
    expect(scene.isPassedOn).toBe(true)
  })

  it('passes on when the session says bye', () => {
    const scene = new Scene()
    scene.force()
    talk(scene.holder.socket, 'bye\n')
    scene.cluster.world.advance(20)
    expect(scene.isPassedOn).toBe(true)
  })

  it('passes on at once with now:yes', () => {
    const scene = new Scene()
    scene.force(',now:yes')
    scene.cluster.world.advance(20)
    expect(scene.isPassedOn).toBe(true)
    expect(scene.holder.socket.text).toMatch(/lost,name:x/)
  })

  it('lets go of it until that is applied', () => {
    const scene = new Scene()
    scene.force()
    expect(scene.live(9_700)).toBeNull()
    scene.cluster.faults.drop = 1
    expect(scene.live(900)).toBeNull()
    scene.cluster.faults.drop = 0
    expect(scene.live(1_000)).not.toBeNull()
  })

  it('begins a whole lease anew when the session is resumed elsewhere', () => {
    const scene = new Scene()
    scene.force()
    expect(scene.live(6_000)).toBeNull()
    const again = resume(scene.cluster.node(1), scene.holder)
    expect(again.text).toContain(`lost,name:x,token:${scene.token},reason:forced\n`)
    expect(again.text).not.toContain('held,name:x')
    const tookMs = scene.live(12_000, again)
    expect(tookMs).toBeGreaterThan(LEASE_MS - 200)
    expect(tookMs).toBeLessThan(LEASE_MS + 200)
  })

  it('passes on a lease after the loss when the connection was closed since: nobody has said anything more', () => {
    const scene = new Scene(',lease:10,linger:60')
    scene.force()
    scene.cluster.world.advance(3_000)
    scene.holder.socket.break()
    const { world } = scene.cluster
    world.advance(6_800)
    expect(scene.isPassedOn).toBe(false)
    world.advance(500)
    expect(scene.isPassedOn).toBe(true)
  })

  it('of a detached session is counted by the leader, from the loss', () => {
    const scene = new Scene(',lease:10,linger:60')
    scene.holder.socket.break()
    scene.cluster.world.advance(5_000)
    scene.force()
    const { world } = scene.cluster
    world.advance(9_900)
    expect(scene.isPassedOn).toBe(false)
    world.advance(500)
    expect(scene.isPassedOn).toBe(true)
  })

  it('of a detached session is counted anew by the next leader, and not by the last', () => {
    const scene = new Scene(',lease:10,linger:60')
    scene.holder.socket.break()
    scene.cluster.world.advance(1_000)
    scene.force()
    const { world } = scene.cluster
    world.advance(5_000)
    scene.cluster.elect(scene.cluster.node(1))
    world.advance(9_900)
    expect(scene.isPassedOn).toBe(false)
    world.advance(1_000)
    expect(scene.isPassedOn).toBe(true)
  })

  it('of a dead node: its epoch, then a lease from the detachment', () => {
    const scene = new Scene(',lease:10,linger:60')
    scene.force()
    const { world } = scene.cluster
    world.advance(1_000)
    scene.cluster.node(2).kill()
    const sinceMs = world.nowMs
    world.until(() => scene.isPassedOn, 60_000)
    expect(world.nowMs - sinceMs).toBeGreaterThan(18_000)
    expect(world.nowMs - sinceMs).toBeLessThan(23_000)
  })

  it('is told before anything else where a snapshot took the place of that entry, and a lease begins there', () => {
    const scene = new Scene()
    const { cluster, holder } = scene
    const node = cluster.node(2)
    node.pause(300)
    let before = ''
    cluster.world.after(250, null, () => {
      before = holder.socket.text
      node.pausedUntilMs = 0
      node.installSnapshotOf(cluster.node(0))
    })
    scene.force()
    holder.socket.send('.keepalive\n')
    cluster.world.advance(350)
    expect(before).not.toContain('lost')
    const told = holder.socket.text.split('\n').slice(2)
    expect(told[0]).toMatch(/^lost,name:x/)
    expect(told).toContain('alive')
    const tookMs = scene.live(12_000)
    expect(tookMs).toBeGreaterThan(LEASE_MS - 500)
    expect(tookMs).toBeLessThan(LEASE_MS + 200)
  })

  it('is nothing to an `alive` that is written later: it comes behind the `lost`', () => {
    const scene = new Scene()
    const { socket } = scene.holder
    for (let ms = 0; ms < 60; ms++) scene.cluster.world.after(ms, null, () => socket.send('.keepalive\n'))
    scene.force()
    scene.cluster.world.advance(100)
    const told = socket.text.split('\n')
    const at = told.findIndex((line) => line.startsWith('lost,'))
    // Whatever was said after the entry was applied here stands behind it.
    expect(at).toBeGreaterThan(0)
    expect(told.slice(at + 1)).toContain('alive')
  })
})

describe('a classic client whose lock is broken', () => {
  it('is closed, and the lock passes on when that is committed', () => {
    const scene = new Scene()
    const { cluster } = scene
    const socket = lock(cluster.node(2), 'y', ',fence:yes')
    const token = /token:(\d+)/.exec(socket.text)?.[1]
    const next = hello(cluster.node(1), ',lease:60').socket
    talk(next, 'lock,id:1,name:y,wait:forever\n')
    talk(scene.operator, `.force-release,id:2,name:y,token:${token},reason:stuck\n`)
    cluster.world.advance(20)
    expect(socket.closed).toBe('end')
    expect(next.text).toMatch(/ok,id:1,name:y/)
  })

  it('is reset if something that was written has not been sent', () => {
    const scene = new Scene()
    const socket = lock(scene.cluster.node(2), 'y', ',fence:yes')
    socket.writableLength = 7
    const token = /token:(\d+)/.exec(socket.text)?.[1]
    talk(scene.operator, `.force-release,id:2,name:y,token:${token},reason:stuck\n`)
    expect(socket.closed).toBe('reset')
  })

  it('is closed where a snapshot took the place of the entry', () => {
    const scene = new Scene()
    const { cluster } = scene
    const node = cluster.node(2)
    const socket = lock(node, 'y', ',fence:yes')
    const token = Number(/token:(\d+)/.exec(socket.text)?.[1])
    node.pause(300)
    cluster.world.after(250, null, () => {
      node.pausedUntilMs = 0
      node.installSnapshotOf(cluster.node(0))
    })
    talk(scene.operator, `.force-release,id:2,name:y,token:${token},reason:stuck\n`)
    cluster.world.advance(200)
    expect(socket.closed).toBeNull()
    cluster.world.advance(100)
    expect(socket.closed).not.toBeNull()
    expect(cluster.node(0).machine.inspect().holds.get('y', token)).toBeNull()
  })

  it('holds on while its end is not committed', () => {
    const scene = new Scene()
    const { cluster } = scene
    const socket = lock(cluster.node(2), 'y', ',fence:yes')
    const token = Number(/token:(\d+)/.exec(socket.text)?.[1])
    const next = hello(cluster.node(1), ',lease:60').socket
    talk(next, 'lock,id:1,name:y,wait:forever\n')
    cluster.node(2).pause(2_000)
    talk(scene.operator, `.force-release,id:2,name:y,token:${token},reason:stuck\n`)
    cluster.world.advance(1_500)
    expect(next.text).not.toMatch(/ok,id:1,name:y/)
    cluster.world.advance(1_000)
    expect(socket.closed).not.toBeNull()
    expect(next.text).toMatch(/ok,id:1,name:y/)
  })
})
