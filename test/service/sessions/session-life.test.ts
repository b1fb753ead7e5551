/** How sessions are left, resumed, bounded and repeated (docs/protocol.md, rules.md rules 4, 5, 10, 11). */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import { hello, masked, resume, started, talk } from '../kit/session-helpers.js'

describe('session', () => {
  it('outlives a FIN for its linger, then expires', () => {
    const cluster = started()
    const one = hello(cluster.node(1), ',linger:4')
    talk(one.socket, 'lock,id:1,name:f\n')
    one.socket.fin()
    cluster.world.advance(3_900)
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
    cluster.world.advance(300)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
    expect(resume(cluster.node(0), one).text).toMatch(/^err,code:session-expired/)
  })

  it('is detached after a lease of silence and expires after another', () => {
    const cluster = started()
    const one = hello(cluster.node(1), ',lease:3')
    talk(one.socket, 'lock,id:1,name:f\n')
    cluster.world.advance(2_500)
    expect(talk(one.socket, '.keepalive\n')).toBe('alive\n')
    cluster.world.advance(2_900)
    expect(one.socket.closed).toBeNull()
    cluster.world.advance(200)
    expect(one.socket.closed).toBe('end')
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
    cluster.world.advance(2_800)
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
    cluster.world.advance(400)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
  })

  it('is taken over by a resume; the old connection is closed without a word', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n')
    const before = one.socket.text
    const again = resume(cluster.node(0), one)
    cluster.world.advance(20)
    expect(again.text).toContain('held,name:f')
    expect(one.socket.text).toBe(before)
    expect(one.socket.closed).not.toBeNull()
    expect(talk(again, '.keepalive\n')).toBe('alive\n')
  })

  it('gives the same answer to a repeated request, also to one that waited meanwhile', () => {
    const cluster = started()
    const holder = hello(cluster.node(0))
    talk(holder.socket, 'lock,id:1,name:q\n')
    const one = hello(cluster.node(1))
    const granted = talk(one.socket, 'lock,id:1,name:f\n')
    talk(one.socket, 'lock,id:2,name:q,wait:forever\n', 'lock,id:3,name:q2\n', 'release,id:4,name:q2\n')
    one.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), one)
    expect(again.text).toContain('queued,id:2,name:q,position:1\nready\n')
    talk(holder.socket, 'release,id:2,name:q\n')
    const q = /ok,id:2,name:q,token:\d+\n/.exec(again.text)?.[0]
    expect(q).toBeDefined()
    expect(talk(again, 'lock,id:1,name:f\n')).toBe(granted)
    expect(talk(again, 'lock,id:2,name:q,wait:forever\n')).toBe(q)
    expect(talk(again, 'release,id:4,name:q2\n')).toBe('released,id:4,name:q2\n')
    expect(talk(again, '.keepalive,ack:4\n')).toBe('alive\n')
    expect(cluster.node(0).machine.session(Number(one.session))?.answers).toEqual([])
    expect(talk(again, 'lock,id:1,name:f\n')).toBe('')
  })

  it('refuses more than 1,024 unacknowledged requests', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    for (let id = 1; id <= 1_025; id++) socket.send(`release,id:${id},name:none\n`)
    cluster.world.advance(2_000)
    expect(socket.paused).toBe(false)
    const lines = socket.text.split('\n')
    expect(lines.filter((line) => line.includes('code:not-holder'))).toHaveLength(1_024)
    expect(socket.text).toMatch(/err,id:1025,code:limit,/)
    expect(talk(socket, 'release,id:1025,name:none,ack:1000\n')).toMatch(/^err,id:1025,code:not-holder/)
  })

  it('bounds the locks of a session, but not the repeat of a request', () => {
    const cluster = started({ service: { maxLocksPerSession: 2 } })
    const other = hello(cluster.node(0))
    talk(other.socket, 'lock,id:1,name:b\n')
    const one = hello(cluster.node(1))
    const granted = talk(one.socket, 'lock,id:1,name:a\n')
    expect(talk(one.socket, 'lock,id:2,name:b,wait:forever\n')).toMatch(/^queued/)
    expect(talk(one.socket, 'lock,id:3,name:c\n')).toMatch(/^err,id:3,code:limit,/)
    one.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), one)
    expect(talk(again, 'lock,id:1,name:a\n')).toBe(granted)
    expect(talk(again, 'lock,id:3,name:c\n')).toMatch(/^err,id:3,code:limit,/)
    expect(talk(again, 'release,id:4,name:a\nlock,id:5,name:c\n')).toMatch(/^err,id:5,code:limit,.*\nreleased,id:4/)
    expect(talk(again, 'lock,id:6,name:c\n')).toMatch(/^ok,id:6/)
  })

  it('stops reading while a thousand requests are undecided, and does not take that for silence', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1), ',lease:3')
    cluster.elect(null)
    cluster.world.advance(100)
    for (let id = 1; id <= 1_024; id++) socket.send(`release,id:${id},name:none\n`)
    cluster.world.advance(10)
    expect(socket.paused).toBe(true)
    cluster.world.advance(4_000)
    expect(socket.closed).toBeNull()
    cluster.elect(cluster.node(2))
    cluster.world.until(() => !socket.paused)
    cluster.world.advance(100)
    expect(socket.text.match(/not-holder/g)).toHaveLength(1_024)
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
  })

  it('answers bye also when the client half-closes right after it', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,name:x\n')
    socket.send('bye\n')
    socket.fin()
    cluster.world.advance(20)
    expect(socket.text).toMatch(/bye\n$/)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it.each(['bye\n', null])('answers what was asked before it left (%j)', (bye) => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    const holder = hello(cluster.node(0))
    talk(holder.socket, 'lock,id:1,name:taken\n')
    socket.send(
      `lock,id:1,name:x\nlock,id:2,name:taken,wait:forever\nrelease,id:3,name:x\n${bye ?? ''}lock,id:4,name:y\n`,
    )
    socket.fin()
    cluster.world.advance(30)
    const last = bye ?? 'ok,id:4,name:y,token:#\n'
    expect(masked(socket.text.slice(socket.text.indexOf('\n') + 1))).toBe(
      `ok,id:1,name:x,token:#\nqueued,id:2,name:taken,position:1\nreleased,id:3,name:x\n${last}`,
    )
    expect(socket.closed).toBe('end')
    cluster.world.advance(30)
    expect(cluster.node(0).machine.sessionCount).toBe(1)
  })

  it('gives up a connection that left while nothing could be decided', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    cluster.elect(null)
    socket.send('lock,id:1,name:x\n')
    socket.fin()
    cluster.world.advance(5_200)
    expect(socket.text).toMatch(/\nerr,code:no-quorum,message:\S+\n$/)
    expect(socket.closed).toBe('end')
    cluster.elect(cluster.node(0))
    cluster.world.advance(1_000)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it('says no-quorum when hello cannot be decided, and undoes a late opening', () => {
    const cluster = started({ service: { requestTimeoutMs: 500 } })
    cluster.faults.commitMs = 1
    cluster.faults.drop = 1
    const socket = cluster.node(1).connect()
    socket.send('hello,version:2,redirect:no\n')
    cluster.world.until(() => socket.closed !== null)
    expect(socket.text).toBe('err,code:no-quorum,message:no%20leader%2C%20or%20no%20answer%20in%20time\n')
    cluster.faults.drop = 0
    cluster.world.advance(2_000)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it('keeps a session whose client sent FIN before it was told `ready`, for its lease', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n')
    one.socket.break()
    cluster.world.advance(20)
    cluster.faults.drop = 1
    const socket = cluster.node(2).connect()
    socket.send(`resume,session:${one.session},secret:${one.secret}\n`)
    cluster.world.advance(20)
    socket.fin()
    cluster.world.advance(20)
    cluster.faults.drop = 0
    cluster.world.advance(1_500)
    expect(socket.text).toMatch(/ready\n$/)
    expect(socket.closed).toBe('end')
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
    cluster.world.advance(10_500)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
  })

  it('ends the wait of a detached session after its time, counted by its node and then by the leader', () => {
    const cluster = started()
    const holder = hello(cluster.node(0), ',lease:60')
    talk(holder.socket, 'lock,id:1,name:q\n')
    const waiter = hello(cluster.node(1), ',lease:60')
    talk(waiter.socket, 'lock,id:1,name:q,wait:5\nlock,id:2,name:q2\n')
    cluster.world.advance(3_000)
    waiter.socket.break()
    cluster.world.advance(1_800)
    expect(cluster.node(0).machine.holder('q')?.waiters).toBe(1)
    cluster.world.advance(300)
    expect(cluster.node(0).machine.holder('q')?.waiters).toBe(0)
    expect(resume(cluster.node(2), waiter).text).toMatch(/resumed:yes\nheld,name:q2\S+\nready\n$/)
  })

  it.each([
    ['breaks and comes back', 'break'],
    ['comes back elsewhere while the first connection is open', 'stay'],
  ])('a wait is over after its time though the client %s again and again', (_what, how) => {
    const cluster = started()
    const holder = hello(cluster.node(0), ',lease:60')
    talk(holder.socket, 'lock,id:1,name:q\n')
    const waiter = hello(cluster.node(1), ',lease:60')
    let socket = waiter.socket
    talk(socket, 'lock,id:1,name:q,wait:5\n')
    const from = cluster.world.nowMs
    for (let at = 0; cluster.world.nowMs - from < 4_000; at++) {
      if (how === 'break') socket.break()
      cluster.world.advance(300)
      socket = resume(cluster.node(at % 3), waiter)
      // The library repeats what is not answered.
      talk(socket, 'lock,id:1,name:q,wait:5\n')
      cluster.world.advance(300)
    }
    expect(socket.text).not.toContain('not-granted')
    cluster.world.until(() => socket.text.includes('not-granted,id:1,name:q,reason:timeout'), 1_000)
    expect(cluster.world.nowMs - from).toBeGreaterThanOrEqual(4_990)
  })

  it('resumed in the turn in which it was detached leaves nothing for the leader to count', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n')
    const session = Number(one.session)
    const { where, attach } = cluster.node(1).machine.session(session) ?? {}
    const secretHash = cluster.node(1).machine.inspect().sessions.get(session)?.terms?.secretHash
    if (where == null || attach === undefined || secretHash === undefined) throw new Error('not attached')
    const { node, epoch, conn } = where
    const how = { fin: false, leaseOnly: false, wallMs: 0 }
    const detach: Command = { type: CommandType.detach, node, epoch, session, attach, ...how }
    const header = { node, epoch, conn: conn + 1, floor: 1, attempt: 0, identity: '', asAnyone: false }
    // Both are in the log before anybody applies one.
    cluster.commit(encodeCommand(detach), cluster.term)
    cluster.commit(encodeCommand({ type: CommandType.resume, ...header, session, secretHash }), cluster.term)
    cluster.world.advance(1)
    expect(cluster.node(0).machine.session(session)?.attach).toBe(attach + 1)
    expect(cluster.node(0).service.stats().countedSessions).toBe(0)
  })

  it('delays a lock after an unclean loss', () => {
    const cluster = started()
    const one = hello(cluster.node(1), ',lease:3')
    talk(one.socket, 'lock,id:1,name:f,delay:5\n')
    one.socket.break()
    cluster.world.advance(3_500)
    const two = hello(cluster.node(0))
    expect(talk(two.socket, 'lock,id:1,name:f,wait:forever\n')).toMatch(/^queued/)
    const from = cluster.world.nowMs
    cluster.world.until(() => {
      if ((cluster.world.nowMs - from) % 1_000 === 0) two.socket.send('.keepalive\n')
      return two.socket.text.includes('ok,id:1')
    }, 10_000)
    expect(cluster.world.nowMs - from).toBeGreaterThan(4_000)
  })
})
