import { describe, expect, it } from 'vitest'
import { UNAPPLIED_BYTES } from '../../src/service/limits.js'
import { hello, resume, started } from './kit/session-helpers.js'

describe('a busy cluster', () => {
  const BUSY = 'code:busy,message:more%20is%20waiting%20than%20can%20be%20stored%20soon;%20try%20again%20later'

  it('refuses new work in both dialects, and proposes nothing of it', () => {
    const cluster = started()
    const open = hello(cluster.node(1))
    cluster.isBusy = true
    const before = cluster.log.length
    open.socket.send('lock,id:1,name:x\n')
    const late = cluster.node(1).connect()
    late.send('hello,version:2,redirect:no\n')
    const classic = cluster.node(2).connect()
    classic.send('lock,name:x\n')
    cluster.world.advance(50)
    expect(open.socket.text.split('\n').at(-2)).toBe(`err,id:1,${BUSY}`)
    expect(late.text).toBe(`err,${BUSY}\n`)
    expect(classic.text).toBe('err,busy\n')
    expect([open.socket.closed, late.closed, classic.closed].map((closed) => closed !== null)).toEqual([
      false,
      true,
      true,
    ])
    expect(cluster.log.length).toBe(before)
  })

  it('takes what frees and what keeps: release, cancel, keepalive, resume, bye', () => {
    const cluster = started()
    const open = hello(cluster.node(1))
    const other = hello(cluster.node(2))
    const classic = cluster.node(0).connect()
    open.socket.send('lock,id:1,name:x\nlock,id:2,name:y\n')
    classic.send('lock,name:z\n')
    cluster.world.advance(50)
    other.socket.send('lock,id:1,name:x,wait:forever\nlock,id:2,name:y,wait:forever\n')
    cluster.world.advance(50)
    cluster.isBusy = true
    classic.send('release\n')
    other.socket.send('cancel,id:3,request:2\n.keepalive\n')
    open.socket.send('release,id:3,name:x\n')
    cluster.world.advance(50)
    expect(classic.text).toBe('ok\nreleased\n')
    const words = (text: string) =>
      text.split('\n').map((line) => line.replace(/,(token|position|session|secret):\w+/g, ''))
    expect(words(open.socket.text)).toContain('released,id:3,name:x')
    expect(words(other.socket.text)).toEqual(expect.arrayContaining(['ok,id:1,name:x', 'cancelled,id:3', 'alive']))
    const again = resume(cluster.node(0), open)
    cluster.world.advance(50)
    expect(again.text).toMatch(/^welcome,.*\nheld,name:y,.*\nready\n$/)
    again.send('bye\n')
    cluster.world.advance(50)
    expect(again.text).toMatch(/bye\n$/)
    expect(cluster.node(2).machine.holder('y')).toBeNull()
  })

  it('answers a request that was made before it was busy, when that is repeated', () => {
    const cluster = started()
    const open = hello(cluster.node(1))
    open.socket.send('lock,id:1,name:x\n')
    cluster.world.advance(50)
    cluster.isBusy = true
    const again = resume(cluster.node(2), open)
    again.send('lock,id:1,name:x\n')
    cluster.world.advance(50)
    expect(again.text).toMatch(/\nready\nok,id:1,name:x,token:\d+\n$/)
  })

  it('never says so of a request that waits or was answered on this connection, when that is repeated', () => {
    const cluster = started()
    hello(cluster.node(2)).socket.send('lock,id:1,name:x\n')
    cluster.world.advance(50)
    const { socket } = hello(cluster.node(1))
    socket.send('lock,id:1,name:y\nlock,id:2,name:x,wait:forever\n')
    cluster.world.advance(50)
    cluster.isBusy = true
    const before = socket.text.length
    socket.send('lock,id:1,name:y\nlock,id:2,name:x,wait:forever\nlock,id:3,name:z\n')
    cluster.world.advance(50)
    // Seen by the simulator: its client took `busy` for an answer, and the lock that it waited for was granted to nobody.
    expect(socket.text.slice(before).match(/busy/g)).toHaveLength(1)
    expect(socket.text.slice(before)).toMatch(/^err,id:3,code:busy/m)
    cluster.isBusy = false
    socket.send('lock,id:3,name:z\n')
    cluster.world.advance(50)
    expect(socket.text.slice(before)).toMatch(/^ok,id:3,/m)
  })

  it('is one whose node has too much under way already, whoever could store it', () => {
    const cluster = started({ service: { maxLocksPerSession: 1_000_000 } })
    const sockets = Array.from({ length: 60 }, () => hello(cluster.node(1)).socket)
    cluster.faults.drop = 1
    const name = 'n'.repeat(200)
    for (const socket of sockets) {
      for (let id = 1; id <= 1_000; id++) socket.send(`lock,id:${id},name:${name}${id}\n`)
    }
    cluster.world.advance(1)
    const refused = sockets.reduce((sum, socket) => sum + socket.text.split('code:busy').length - 1, 0)
    const takenBytes = (60_000 - refused) * name.length
    expect(takenBytes).toBeGreaterThan(UNAPPLIED_BYTES / 2)
    expect(takenBytes).toBeLessThan(UNAPPLIED_BYTES)
  })
})

describe('an overload', () => {
  it('does not feed itself: what is late is repeated a few times and not every half second', () => {
    const cluster = started({ service: { requestTimeoutMs: 600_000 } })
    const open = hello(cluster.node(1))
    const before = cluster.log.length
    cluster.faults.commitMs = 60_000
    for (let id = 1; id <= 100; id++) open.socket.send(`lock,id:${id},name:x${id}\n`)
    for (let second = 0; second < 30; second++) {
      open.socket.send('.keepalive\n')
      cluster.world.advance(1_000)
    }
    cluster.faults.commitMs = 1
    for (let second = 0; second < 60; second++) {
      open.socket.send('.keepalive\n')
      cluster.world.advance(1_000)
    }
    expect(open.socket.text.split('\n').filter((line) => line.startsWith('ok,')).length).toBe(100)
    // Every half second for 30 s would be 60 times each, 6,000 in all. Over twenty seeds it is 1,293 to 2,679.
    expect(cluster.log.length - before).toBeLessThan(3_000)
  })

  it('is not added to while the leader says that it is busy', () => {
    const cluster = started({ service: { requestTimeoutMs: 600_000 } })
    const open = hello(cluster.node(1))
    cluster.faults.drop = 1
    open.socket.send('lock,id:1,name:x\n')
    cluster.world.advance(10)
    cluster.faults.drop = 0
    cluster.isBusy = true
    cluster.world.advance(5_000)
    expect(open.socket.text).not.toContain('ok,id:1')
    cluster.isBusy = false
    cluster.world.advance(1_000)
    expect(open.socket.text).toContain('ok,id:1')
  })
})
