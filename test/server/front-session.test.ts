import { describe, expect, it } from 'vitest'
import { Cluster, type FakeNode, type FakeSocket } from './front-harness.js'

function talk(socket: FakeSocket, ...packets: string[]): string {
  const before = socket.text.length
  for (const packet of packets) {
    socket.send(packet)
    socket.node.world.advance(20)
  }
  return socket.text.slice(before) + (socket.closed === null ? '' : '|closed')
}

interface Opened {
  readonly socket: FakeSocket
  readonly session: string
  readonly secret: string
}

function hello(node: FakeNode, extra = ''): Opened {
  const socket = node.connect()
  const text = talk(socket, `hello,version:2,redirect:no${extra}\n`)
  const [, session, secret] = /^welcome,session:(\d+),secret:([0-9a-f]{32}),/.exec(text) ?? []
  if (session === undefined || secret === undefined) throw new Error(`no welcome: ${text}`)
  return { socket, session, secret }
}

function resume(node: FakeNode, { session, secret }: Opened): FakeSocket {
  const socket = node.connect()
  talk(socket, `resume,session:${session},secret:${secret}\n`)
  return socket
}

function started(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options)
  cluster.start()
  return cluster
}

/** Tokens and session ids are not known beforehand. */
function masked(text: string): string {
  return text.replace(/(token|session):\d+/g, '$1:#').replace(/secret:[0-9a-f]+/g, 'secret:#')
}

describe.each([
  ['leader', 0],
  ['follower', 1],
])('session dialect at the %s', (_, at) => {
  const cluster = started()
  const node = cluster.node(at)

  it.each([
    ['welcome', 'hello,version:2,redirect:no\n', `welcome,session:#,secret:#,node:n${at + 1},leader:n1,lease:10\n`],
    [
      'welcome with a lease',
      'hello,version:2,redirect:no,lease:3.5,linger:2,client-id:me\n',
      `welcome,session:#,secret:#,node:n${at + 1},leader:n1,lease:3.5\n`,
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
      'auth, not there yet',
      'hello,version:2,auth:x\n',
      'err,code:bad-request,message:auth%20is%20not%20supported%20yet\n|closed',
    ],
    [
      'resume without a secret',
      'resume,session:1\n',
      'err,code:bad-request,message:resume%20needs%20session%20and%20secret\n|closed',
    ],
    [
      'an unknown session',
      'resume,session:1,secret:abc\n',
      'err,code:session-expired,message:no%20such%20session%2C%20or%20it%20has%20expired\n|closed',
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
    else expect(text).toBe('redirect,address:n1:7654\n|closed')
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
    expect(code('lock,id:4,name:a,name:b\n')).toEqual(['id:4,', 'bad-request'])
    expect(code('lock,id:5,name:a,mode:shared\n')).toEqual(['id:5,', 'bad-request'])
    expect(code('lock,id:6,name:a,permits:1\n')).toEqual(['id:6,', 'bad-request'])
    expect(code(`lock,id:7,name:a,meta:${'m'.repeat(4_060)}\n`)).toBeUndefined()
    expect(code('check,id:8,name:a,token:1\n')).toEqual(['id:8,', 'bad-request'])
    expect(code('locks,id:9\n')).toEqual(['id:9,', 'bad-request'])
    expect(code('watch,id:10,name:a\n')).toEqual(['id:10,', 'bad-request'])
    expect(code('frobnicate,id:11\n')).toEqual(['id:11,', 'bad-request'])
    expect(code('hello,version:2\n')).toEqual([undefined, 'bad-request'])
    expect(code(',,\n')).toEqual([undefined, 'bad-request'])
    expect(code('cancel,id:12\n')).toEqual(['id:12,', 'bad-request'])
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
    expect(talk(socket, 'bye\n')).toBe('bye\n|closed')
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
    expect(request?.loopback).toBe(true)
    request?.reply('end,id:1,count:0\n')
    expect(socket.text).toMatch(/end,id:1,count:0\n$/)
    expect(talk(socket, '.unknown,id:2\n')).toMatch(/^err,id:2,code:bad-request/)
    talk(socket, 'bye\n')
    request?.reply('too late\n')
    expect(socket.text).not.toContain('too late')
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
      'welcome,session:#,secret:#,node:n3,leader:n1,lease:10,resumed:yes\nheld,name:f,mode:exclusive,token:#\nready\n',
    )
    expect(talk(again, 'bye\n')).toBe('bye\n|closed')
  })

  it('leaves nothing behind', () => {
    expect(node.front.stats().unsettled).toBe(0)
  })
})

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
    const cluster = started({ front: { maxLocksPerSession: 2 } })
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
    const cluster = started({ front: { requestTimeoutMs: 500 } })
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

  it('ends a session whose client sent FIN while it resumed', () => {
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
    expect(socket.closed).not.toBeNull()
    cluster.faults.drop = 0
    cluster.world.advance(1_500)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
  })

  it('ends the wait of a detached session after its time, counted by the leader', () => {
    const cluster = started()
    const holder = hello(cluster.node(0), ',lease:60')
    talk(holder.socket, 'lock,id:1,name:q\n')
    const waiter = hello(cluster.node(1), ',lease:60')
    talk(waiter.socket, 'lock,id:1,name:q,wait:5\nlock,id:2,name:q2\n')
    cluster.world.advance(3_000)
    waiter.socket.break()
    cluster.world.advance(4_500)
    expect(cluster.node(0).machine.holder('q')?.waiters).toBe(1)
    cluster.world.advance(1_000)
    expect(cluster.node(0).machine.holder('q')?.waiters).toBe(0)
    expect(resume(cluster.node(2), waiter).text).toMatch(/resumed:yes\nheld,name:q2\S+\nready\n$/)
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
