/** Numbers at the edge of what can be said: refused where they are read, and nothing else happens. */
import { describe, expect, it } from 'vitest'
import { hello, masked, resume, started, talk } from '../kit/session-helpers.js'

const TOO_LARGE = ['4503599627370496', '9007199254740991', '9007199254740992', '99999999999999999999', '-1', '1e3', '']

describe('a number out of range', () => {
  it.each(TOO_LARGE)('as id, request or ack (%s) is a bad request', (number) => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,id:1,name:f\n')
    const bad = /^err,(id:2,)?code:bad-request,message:\S+\n$/
    expect(talk(socket, `lock,id:${number},name:g\n`)).toMatch(bad)
    expect(talk(socket, `cancel,id:2,request:${number}\n`)).toMatch(bad)
    expect(talk(socket, `.keepalive,ack:${number}\n`)).toMatch(bad)
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
    expect(cluster.node(0).machine.holder('g')).toBeNull()
    expect(cluster.node(1).fatal).toEqual([])
  })

  it.each(['9007199254740992', '-1', '1.5'])('as token or session (%s) is a bad request', (number) => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n')
    expect(talk(one.socket, `release,id:2,name:f,token:${number}\n`)).toMatch(/^err,id:2,code:bad-request/)
    expect(resume(cluster.node(2), { ...one, session: number }).text).toMatch(/^err,code:bad-request/)
    expect(cluster.node(0).machine.holder('f')).not.toBeNull()
  })

  it.each(['9007199254740991', '1000000000000000'])('as token (%s) that fits is no holder', (number) => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,id:1,name:f\n')
    expect(talk(socket, `release,id:2,name:f,token:${number}\n`)).toMatch(/^err,id:2,code:not-holder/)
  })
})

describe('an acknowledgement', () => {
  it('above the highest id that was seen is refused, and answers go on', () => {
    const cluster = started()
    const { socket } = hello(cluster.node(1))
    talk(socket, 'lock,id:1,name:f\nlock,id:2,name:!!\n')
    expect(talk(socket, '.keepalive,ack:3\n')).toMatch(/^err,code:bad-request,message:\S+\n$/)
    // Its own answer cannot have arrived.
    expect(talk(socket, 'lock,id:4,name:g,ack:4\n')).toMatch(/^err,id:4,code:bad-request,message:\S+\n$/)
    expect(cluster.node(0).machine.holder('g')).toBeNull()
    expect(masked(talk(socket, 'lock,id:5,name:g,ack:4\n'))).toBe('ok,id:5,name:g,token:#\n')
    expect(talk(socket, '.keepalive,ack:5\n')).toBe('alive\n')
  })

  it('after a resume may speak of answers that only the earlier node knew', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:1,name:f\n', 'lock,id:2,name:!!\n')
    one.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), one)
    expect(talk(again, '.keepalive,ack:2\n')).toBe('alive\n')
    expect(masked(talk(again, 'lock,id:3,name:g\n'))).toBe('ok,id:3,name:g,token:#\n')
    expect(talk(again, '.keepalive,ack:3000\n')).toMatch(/^err,code:bad-request/)
  })
})

describe('what cannot be written into the log', () => {
  it.each([
    ['session', 'lock,id:1,name:g\n'],
    ['pipelined session', 'lock,id:1,name:g\nlock,id:2,name:h\n'],
  ])('ends the connection of a %s, and nothing else', (_what, lines) => {
    const cluster = started()
    const other = hello(cluster.node(1))
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,id:0,name:kept\n')
    // No number of the log is negative: a wall clock before 1970 is one that cannot be written.
    cluster.node(1).wallOffsetMs = -1e15
    expect(talk(one.socket, lines)).toMatch(/^err,code:bad-request,message:\S+\n\|closed$/)
    cluster.node(1).wallOffsetMs = 0
    expect(talk(other.socket, '.keepalive\n')).toBe('alive\n')
    expect(resume(cluster.node(2), one).text).toMatch(/\nheld,name:kept,\S+\nready\n$/)
  })

  it('ends the connection of a classic client', () => {
    const cluster = started()
    const other = hello(cluster.node(1))
    cluster.node(1).wallOffsetMs = -1e15
    const classic = cluster.node(1).connect()
    expect(talk(classic, 'lock,name:c\n')).toMatch(/^err,code:bad-request,message:\S+\n\|closed$/)
    expect(talk(other.socket, '.keepalive\n')).toBe('alive\n')
    cluster.node(1).wallOffsetMs = 0
    expect(talk(cluster.node(1).connect(), 'lock,name:c\n')).toBe('ok\n')
  })
})

describe('a request without an id', () => {
  it('is told from those that wait under an earlier connection', () => {
    const cluster = started()
    const holder = hello(cluster.node(0))
    talk(holder.socket, 'lock,id:1,name:q\nlock,id:2,name:r\n')
    const one = hello(cluster.node(1))
    talk(one.socket, 'lock,name:q,wait:forever\n')
    one.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), one)
    expect(talk(again, 'lock,name:r,wait:forever\n')).toBe('queued,name:r,position:1\n')
    expect(talk(again, 'lock,name:s\n')).toMatch(/^ok,name:s,token:\d+\n$/)
    talk(holder.socket, 'release,id:3,name:q\nrelease,id:4,name:r\n')
    expect(again.text).toMatch(/ok,name:q,token:\d+\nok,name:r,token:\d+\n$/)
  })
})

describe('a cluster that has enough', () => {
  it('of sessions says limit, and takes the next one when there is room', () => {
    const cluster = started()
    const crowd = (sessions: number) => {
      for (const { machine } of cluster.nodes) machine.inspect().resumableCount += sessions
    }
    crowd(200_000)
    const socket = cluster.node(1).connect()
    expect(talk(socket, 'hello,version:2,redirect:no\n')).toMatch(/^err,code:limit,message:\S+\n\|closed$/)
    crowd(-200_000)
    expect(talk(hello(cluster.node(1)).socket, '.keepalive\n')).toBe('alive\n')
    expect(cluster.node(1).service.stats().sessions).toBe(1)
  })

  it('of locks says limit, in either dialect', () => {
    const cluster = started()
    const one = hello(cluster.node(1))
    for (const { machine } of cluster.nodes) machine.inspect().placeCount += 1_000_000
    expect(talk(one.socket, 'lock,id:1,name:f\n')).toMatch(/^err,id:1,code:limit,message:\S+\n$/)
    expect(talk(cluster.node(2).connect(), 'lock,name:f\n')).toBe('err,limit\n|closed')
  })

  it('lets nobody linger for more than a day', () => {
    const cluster = started()
    const answer = talk(cluster.node(1).connect(), 'hello,version:2,redirect:no,linger:86401\n')
    expect(answer).toMatch(/^err,code:limit,message:\S+\n\|closed$/)
  })
})

describe('the lines of a session', () => {
  it('may be long from welcome on, and not before', () => {
    const cluster = started()
    const long = 'x'.repeat(30_000)
    expect(talk(cluster.node(1).connect(), `hello,version:2,x:${long}\n`)).toBe('err,line too long\n|closed')
    const one = hello(cluster.node(1))
    expect(talk(one.socket, `lock,id:1,name:f,x:${long}\n`)).toMatch(/^ok,id:1/)
    one.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), one)
    expect(talk(again, `lock,id:2,name:g,x:${long}\n`)).toMatch(/^ok,id:2/)
    expect(talk(again, `lock,id:3,name:h,x:${'x'.repeat(32_768)}\n`)).toBe('err,line too long\n|closed')
  })
})
