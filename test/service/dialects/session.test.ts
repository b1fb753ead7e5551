import { describe, expect, it } from 'vitest'
import { neutral } from '../../../src/protocol/replies.js'
import { hello, masked, resume, started, talk } from '../kit/session-helpers.js'

describe.each([
  ['leader', 0],
  ['follower', 1],
])('session dialect at the %s', (_, at) => {
  const cluster = started()
  const node = cluster.node(at)

  it.each([
    [
      'welcome',
      'hello,version:2,redirect:no\n',
      `welcome,session:#,secret:#,node:n${at + 1},leader:n1,lease:10,cluster:c1,level:1\n`,
    ],
    [
      'welcome with a lease',
      'hello,version:2,redirect:no,lease:3.5,linger:2,client-id:me\n',
      `welcome,session:#,secret:#,node:n${at + 1},leader:n1,lease:3.5,cluster:c1,level:1\n`,
    ],
    ['no version', 'hello\n', 'err,code:bad-request,message:version:2%20is%20spoken%20here\n|closed'],
    [
      'a short lease',
      'hello,version:2,lease:1\n',
      'err,code:limit,message:lease:%20from%203%20to%2086400%20seconds\n|closed',
    ],
    ['a bad lease', 'hello,version:2,lease:x\n', 'err,code:bad-request,message:lease:%20seconds\n|closed'],
    [
      'a bad client id',
      'hello,version:2,client-id:a%20b\n',
      'err,code:bad-request,message:invalid%20client%20id\n|closed',
    ],
    [
      'resume without a secret',
      'resume,session:1\n',
      'err,code:bad-request,message:resume%20needs%20session%20and%20secret\n|closed',
    ],
    [
      'an unknown session',
      'resume,session:1,secret:abc\n',
      'err,code:session-expired,message:no%20such%20session%2C%20or%20it%20has%20expired,cluster:c1\n|closed',
    ],
    [
      'something before welcome',
      'hello,version:2,redirect:no\nlock,name:x\n',
      'err,code:bad-request,message:nothing%20may%20follow%20hello%20before%20welcome\n|closed',
    ],
  ])('opens: %s', (_what, input, answer) => {
    expect(masked(talk(node.connect(), input))).toBe(answer)
  })

  it('redirects to the leader unless it is told not to', () => {
    const text = talk(node.connect(), 'hello,version:2\n')
    if (at === 0) expect(text).toMatch(/^welcome,/)
    else expect(text).toBe('redirect,address:n1:7654,cluster:c1\n|closed')
  })

  it('locks, releases, says who holds', () => {
    const one = hello(node, ',client-id:one')
    const two = hello(node)
    expect(masked(talk(one.socket, 'lock,id:1,name:s/1,meta:hi\n'))).toBe('ok,id:1,name:s/1,token:#\n')
    expect(talk(two.socket, 'lock,id:1,name:s/1\n')).toBe('not-granted,id:1,name:s/1,reason:held,holder:one\n')
    expect(talk(two.socket, 'release,id:2,name:s/1\n')).toMatch(/^err,id:2,code:not-holder,message:/)
    expect(talk(one.socket, 'release,id:2,name:s/1,token:1\n')).toMatch(/^err,id:2,code:not-holder,message:/)
    expect(talk(one.socket, 'release,id:3,name:s/1\n')).toBe('released,id:3,name:s/1\n')
    expect(masked(talk(two.socket, 'lock,name:s/1\n'))).toBe('ok,name:s/1,token:#\n')
    expect(talk(one.socket, 'bye\n')).toBe('bye\n|closed')
    expect(talk(two.socket, 'bye\n')).toBe('bye\n|closed')
    expect(cluster.node(at).machine.holder('s/1')).toBeNull()
  })

  it('queues in order, grants, times out and cancels', () => {
    const [holder, second, third] = [hello(node, ',client-id:h'), hello(node), hello(node)]
    talk(holder.socket, 'lock,id:1,name:q\n')
    expect(talk(second.socket, 'lock,id:1,name:q,wait:forever\n')).toBe('queued,id:1,name:q,position:1\n')
    expect(talk(third.socket, 'lock,id:1,name:q,wait:1\n')).toBe('queued,id:1,name:q,position:2\n')
    expect(talk(third.socket, '.keepalive\n')).toBe('alive\n')
    cluster.world.advance(1_100)
    expect(talk(third.socket)).toBe('')
    expect(third.socket.text).toContain('not-granted,id:1,name:q,reason:timeout,holder:h\n')
    expect(talk(third.socket, 'lock,id:2,name:q,wait:9\n')).toBe('queued,id:2,name:q,position:2\n')
    expect(talk(third.socket, 'cancel,id:3,request:2\n').split('\n').sort().join('\n')).toBe(
      '\ncancelled,id:3\nnot-granted,id:2,name:q,reason:cancelled,holder:h',
    )
    talk(holder.socket, 'release,id:2,name:q\n')
    expect(masked(second.socket.text)).toMatch(/ok,id:1,name:q,token:#\n$/)
    for (const { socket } of [holder, second, third]) talk(socket, 'bye\n')
  })

  it('refuses what is malformed or not there yet and keeps the connection', () => {
    const { socket } = hello(node)
    const code = (line: string) => /^err,(id:\d+,)?code:([a-z-]+),message:/.exec(talk(socket, line))?.slice(1)
    expect(code('lock,id:1,name:a b\n')).toEqual(['id:1,', 'bad-name'])
    expect(code('lock,id:x,name:a\n')).toEqual([undefined, 'bad-request'])
    expect(code('lock,id:2,name:a,wait:soon\n')).toEqual(['id:2,', 'bad-request'])
    expect(code('lock,id:3,name:a,wait:99999999999\n')).toEqual(['id:3,', 'limit'])
    expect(code('lock,id:4,name:a,name:b\n')).toEqual(['id:4,', 'unsupported'])
    expect(code('lock,id:5,name:a,mode:shared\n')).toEqual(['id:5,', 'unsupported'])
    expect(code('lock,id:6,name:a,permits:1\n')).toEqual(['id:6,', 'unsupported'])
    expect(code(`lock,id:7,name:a,meta:${'m'.repeat(4_060)}\n`)).toBeUndefined()
    expect(code('check,id:8,name:a,token:t\n')).toEqual(['id:8,', 'bad-request'])
    expect(code('lock,id:10,name:a,ttl:5\n')).toEqual(['id:10,', 'unsupported'])
    expect(code('lock,id:10,name:a,once:k\n')).toEqual(['id:10,', 'unsupported'])
    expect(code('release,id:10,name:a,token:1,done:yes\n')).toEqual(['id:10,', 'unsupported'])
    expect(code('unlock,id:10,name:a\n')).toEqual(['id:10,', 'unsupported'])
    expect(code('frobnicate,id:11\n')).toEqual(['id:11,', 'bad-request'])
    expect(code('hello,version:2\n')).toEqual([undefined, 'bad-request'])
    expect(code(',,\n')).toEqual([undefined, 'bad-request'])
    expect(code('cancel,id:12\n')).toEqual(['id:12,', 'bad-request'])
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
    expect(talk(socket, 'bye\n')).toBe('bye\n|closed')
  })

  it('does not look at a token where there is no auth file', () => {
    const { socket } = hello(node, ',auth:x')
    talk(socket, 'bye\n')
    expect(talk(node.connect(), 'lock,name:with-token,auth:x\n')).toBe('ok\n')
  })

  it('refuses re-entry as a deadlock', () => {
    const { socket } = hello(node)
    talk(socket, 'lock,id:1,name:re\n')
    expect(talk(socket, 'lock,id:2,name:re,wait:forever\n')).toMatch(/^err,id:2,code:deadlock,message:\S*re\S*\n$/)
    talk(socket, 'bye\n')
  })

  it('hands administration lines on, with a reply that ends with the connection', () => {
    const { socket } = hello(node)
    expect(talk(socket, '.members,id:1\n')).toBe('')
    const request = node.adminRequests.at(-1)
    expect(request?.line.get('id')).toBe('1')
    expect(request?.caller.isLocal).toBe(true)
    request?.reply(neutral('end', { id: 1, count: 0 }))
    expect(socket.text).toMatch(/end,id:1,count:0\n$/)
    expect(talk(socket, '.unknown,id:2\n')).toMatch(/^err,id:2,code:bad-request/)
    talk(socket, 'bye\n')
    request?.reply(neutral('end', { id: 3 }))
    expect(socket.text).not.toContain('end,id:3')
  })

  it('ends on FIN, detaches on RST', () => {
    const one = hello(node)
    talk(one.socket, 'lock,id:1,name:f\n')
    one.socket.fin()
    cluster.world.advance(20)
    expect(node.machine.holder('f')).toBeNull()
    const two = hello(node)
    talk(two.socket, 'lock,id:1,name:f\n')
    two.socket.break()
    cluster.world.advance(20)
    expect(node.machine.holder('f')).not.toBeNull()
    const again = resume(cluster.node(2), two)
    expect(masked(again.text)).toBe(
      'welcome,session:#,secret:#,node:n3,leader:n1,lease:10,cluster:c1,level:1,attempt:0,resumed:yes\nheld,name:f,mode:exclusive,token:#\nready\n',
    )
    expect(talk(again, 'bye\n')).toBe('bye\n|closed')
  })

  it('leaves nothing behind', () => {
    expect(node.service.stats().unsettled).toBe(0)
  })
})
