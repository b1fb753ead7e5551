/** The conversation table of the classic dialect, held with real nodes: the leader and a follower answer alike. */
import { execFile, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster, until } from '../kit/process-cluster.js'
import { bothTransports, TRANSPORT, TRANSPORTS } from '../kit/transport.js'
import { converse, freshName, Wire } from '../kit/wire.js'

const MAX_LINE_BYTES = 4096

let cluster: TestCluster
const ports = { leader: 0, follower: 0 }

beforeAll(async () => {
  cluster = await TestCluster.start(await bothTransports())
  ports.leader = (await cluster.leader()).port
  ports.follower = (await cluster.followers())[0].port
})

afterAll(() => cluster.stop())

/** Takes `name` through `port` and keeps it. */
async function holder(port: number, name: string, transport = TRANSPORT): Promise<Wire> {
  const wire = await Wire.open(port, transport)
  expect(await wire.ask(`lock,name:${name}`)).toBe('ok')
  return wire
}

/** Resolves once nobody holds `name`. */
function untilFree(port: number, name: string): Promise<void> {
  return until(`${name} is free`, async () => (await converse(port, `lock,name:${name}\nrelease\n`)).startsWith('ok'))
}

describe.each(['leader', 'follower'] as const)('at the %s', (role) => {
  const whole: readonly [string, string, string][] = [
    ['a lock and its release', 'lock,name:#\nrelease\n', 'ok\nreleased\n'],
    ['CR LF', 'lock,name:#\r\nrelease\r\n', 'ok\nreleased\n'],
    [
      'several lines in one packet',
      'lock,name:#\n.keepalive\nfoo\nrelease\n.ping\n',
      'ok\nalive\nbad-action\nreleased\n',
    ],
    ['white space', '  lock , name : # , client-id : me@here \n release \n', 'ok\nreleased\n'],
    ['an unknown key', 'lock,name:#,colour:red:green\nrelease\n', 'ok\nreleased\n'],
    ['a repeated key', 'lock,name:/,name:#\nrelease\n', 'ok\nreleased\n'],
    ['every kind of character in a name', 'lock,name:_#.b/c-d\nrelease\n', 'ok\nreleased\n'],
    ['the longest name', `lock,name:${'n'.repeat(255)}\nrelease\n`, 'ok\nreleased\n'],
    ['a name that is too long', `lock,name:${'n'.repeat(256)}\n`, 'err,invalid lock name\n'],
    ['the longest line', `${'lock,name:longest-line,x:'.padEnd(MAX_LINE_BYTES, 'y')}\nrelease\n`, 'ok\nreleased\n'],
    ['no name', 'lock\n', 'err,invalid lock name\n'],
    ['an empty name', 'lock,name:\n', 'err,invalid lock name\n'],
    ['a name with a space', 'lock,name:a b\n', 'err,invalid lock name\n'],
    ['a name with an escaped comma', 'lock,name:a%2Cb\n', 'err,invalid lock name\n'],
    ['a name that begins with a dot', 'lock,name:.a\n', 'err,invalid lock name\n'],
    ['a bad client id', 'lock,name:#,client-id:a b\n', 'err,invalid client id\n'],
    ['a ping', '.ping\n', 'pong\n'],
    ['a shutdown that is not allowed', '.server-shutdown\n', 'err,shutdown not allowed\n'],
    ['another action', 'frobnicate\n', 'bad-action\n'],
    ['an action in capitals', 'LOCK,name:#\n', 'bad-action\n'],
    ['a release of nothing', 'release\n', 'bad-action\n'],
    ['an empty line', '\n', 'bad-request\n'],
    ['an empty line with CR', '\r\n', 'bad-request\n'],
    ['an empty action', ',name:#\n', 'bad-request\n'],
    ['an empty key', 'lock,:x\n', 'bad-request\n'],
    ['a control character', 'lock,name:a\u0001b\n', 'bad-request\n'],
    ['a line that is too long', `lock,name:#,x:${'y'.repeat(5_000)}\n`, 'err,line too long\n'],
    ['a line without end', 'y'.repeat(5_000), 'err,line too long\n'],
    ['a bad wait', 'lock,name:#,wait:soon\n', 'err,invalid wait\n'],
    ['a negative wait', 'lock,name:#,wait:-1\n', 'err,invalid wait\n'],
    ['a bad fence', 'lock,name:#,fence:maybe\n', 'err,invalid fence\n'],
    ['a bad redirect', 'lock,name:#,redirect:maybe\n', 'err,invalid redirect\n'],
    ['a bad mode', 'lock,name:#,mode:upside-down\n', 'err,invalid mode\n'],
  ]
  it.each(whole)('%s', async (_, sent, answer) => {
    expect(await converse(ports[role], sent.replaceAll('#', freshName()))).toBe(answer)
  })

  it.each(['mode:shared,limit:3', 'permits:2', 'limit:0', 'permits:4,limit:3'])(
    'refuses %s in words',
    async (addition) => {
      const answer = await converse(ports[role], `lock,name:${freshName()},${addition}\n`)
      expect(answer).toMatch(/^err,[^\n]+\n$/)
    },
  )

  it('takes single bytes', async () => {
    const wire = await Wire.open(ports[role])
    await wire.sendBytewise(`lock,name:${freshName()}\r\nrelease\r\n`)
    expect(await wire.rest()).toBe('ok\nreleased\n')
  })

  it('refuses what is not UTF-8', async () => {
    expect(await converse(ports[role], Buffer.from('lock,name:\xff\xfe\n', 'latin1'))).toBe('bad-request\n')
  })

  it('keeps the connection and the lock whatever else is said while holding', async () => {
    const name = freshName()
    const wire = await holder(ports[role], name)
    const words = ['', '.ping', '.stats', `lock,name:${name}`, 'hello,version:2', ',', 'x'.repeat(MAX_LINE_BYTES)]
    for (const word of words) expect(await wire.ask(word)).toBe('bad-action')
    wire.send(Buffer.from('\xff\n', 'latin1'))
    expect(await wire.line()).toBe('bad-action')
    expect(await converse(ports.leader, `lock,name:${name}\n`)).toBe('not-granted\n')
    expect(await wire.ask('.keepalive')).toBe('alive')
    wire.send('x'.repeat(5_000))
    expect(await wire.rest()).toBe('err,line too long\n')
    await untilFree(ports.follower, name)
  })

  it('tells what the node has done', async () => {
    const answer = await converse(ports[role], '.stats\n')
    const stats = JSON.parse(answer.slice('stats,'.length))
    for (const key of ['lock_count', 'maxrss', 'requests_count', 'lock_acquired_count', 'lock_not_acquired_count'])
      expect(stats[key]).toEqual(expect.any(Number))
    expect(stats.role).toBe(role)
  })

  it.each(TRANSPORTS)('answers a client that half-closes, then the lock is free: %s', async (transport) => {
    const name = freshName()
    const wire = await Wire.open(ports[role], transport)
    wire.send(`lock,name:${name}\n`)
    wire.fin()
    expect(await wire.rest()).toBe('ok\n')
    await untilFree(ports[role], name)
  })

  const ends = TRANSPORTS.flatMap((transport) =>
    (['destroy', 'reset', 'fin'] as const).map((end) => [end, transport] as const),
  )
  it.each(ends)('frees the lock at the end of the connection: %s, %s', async (end, transport) => {
    const name = freshName()
    const wire = await holder(ports[role], name, transport)
    const next = await Wire.open(ports.leader)
    next.send(`lock,name:${name},wait:forever\n`)
    wire[end]()
    expect(await next.line()).toBe('ok')
    next.destroy()
  })

  it('serves waiters in their order, with growing tokens', async () => {
    const name = freshName()
    const first = await Wire.open(ports.follower)
    const [, firstToken = ''] = /^ok,token:(\d+)$/.exec((await first.ask(`lock,name:${name},fence:yes`)) ?? '') ?? []
    const second = await Wire.open(ports[role])
    second.send(`lock,name:${name},wait:forever,fence:yes\n`)
    // `alive` is the answer of a node that has the place in the queue.
    expect(await second.ask('.keepalive')).toBe('alive')
    const third = await Wire.open(ports.leader)
    third.send(`lock,name:${name},wait:60\n`)
    expect(await third.ask('.keepalive')).toBe('alive')
    expect(await first.ask('release')).toBe('released')
    const [, secondToken = ''] = /^ok,token:(\d+)$/.exec((await second.line()) ?? '') ?? []
    expect(Number(secondToken)).toBeGreaterThan(Number(firstToken))
    expect(third.unread).toBe('')
    second.destroy()
    expect(await third.line()).toBe('ok')
    third.destroy()
  })

  it('lets a waiter give up: by word, by time, by FIN', async () => {
    const name = freshName()
    const wire = await holder(ports.leader, name)
    expect(await converse(ports[role], `lock,name:${name}\n`)).toBe('not-granted\n')
    expect(await converse(ports[role], `lock,name:${name},wait:0.1\n`)).toBe('not-granted\n')
    const talker = await Wire.open(ports[role])
    talker.send(`lock,name:${name},wait:forever\n`)
    expect(await talker.ask('.keepalive')).toBe('alive')
    expect(await talker.ask('foo')).toBe('bad-action')
    talker.send('release\n')
    expect(await talker.rest()).toBe('not-granted\n')
    const gone = await Wire.open(ports[role])
    gone.send(`lock,name:${name},wait:forever\n`)
    expect(await gone.ask('.keepalive')).toBe('alive')
    gone.fin()
    expect(await gone.rest()).toBe('')
    const last = await Wire.open(ports[role])
    last.send(`lock,name:${name},wait:forever\n`)
    expect(await last.ask('.keepalive')).toBe('alive')
    wire.destroy()
    expect(await last.line()).toBe('ok')
    last.destroy()
  })

  it('redirects on request, or serves', async () => {
    const answer = await converse(ports[role], `lock,name:${freshName()},redirect:yes\nrelease\n`)
    if (role === 'leader') expect(answer).toBe('ok\nreleased\n')
    else expect(answer).toBe(`redirect,address:localhost:${ports.leader}\n`)
  })
})

const installed = (program: string): boolean => spawnSync('which', [program]).status === 0
const tools: readonly [string, readonly string[]][] = [
  ['nc.openbsd', ['-N']],
  ['ncat', []],
]

describe.each(tools)('%s %j', (tool, words) => {
  // It knows no TLS.
  it.skipIf(!installed(tool) || TRANSPORT === 'tls')('takes a lock at each node', async () => {
    for (const node of cluster.nodes) {
      const output = await new Promise((resolve) => {
        const child = execFile(tool, [...words, '127.0.0.1', String(node.port)], (_, stdout) => resolve(stdout))
        child.stdin?.end(`lock,name:${freshName()}\r\n`)
      })
      expect(output).toBe('ok\n')
    }
  })
})
