/** The session dialect, held with real nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster, until } from '../kit/process-cluster.js'
import { bothTransports, TRANSPORT, TRANSPORTS } from '../kit/transport.js'
import { converse, fieldOf, freshName, Wire } from '../kit/wire.js'

const HELLO = 'hello,version:2,redirect:no'

let cluster: TestCluster
const ports = { leader: 0, follower: 0 }

beforeAll(async () => {
  cluster = await TestCluster.start(await bothTransports())
  await cluster.untilRisen()
  ports.leader = (await cluster.leader()).port
  ports.follower = (await cluster.followers())[0].port
})

afterAll(() => cluster.stop())

interface Session {
  readonly wire: Wire
  readonly resume: string
}

async function open(port: number, additions = '', transport = TRANSPORT): Promise<Session> {
  const wire = await Wire.open(port, transport)
  const welcome = await wire.ask(HELLO + additions)
  expect(welcome).toMatch(/^welcome,session:\d+,secret:\w+,node:n\d,leader:n\d,lease:[\d.]+,cluster:\w+,level:\d+$/)
  return { wire, resume: `resume,session:${fieldOf(welcome, 'session')},secret:${fieldOf(welcome, 'secret')}` }
}

async function bye({ wire }: Session): Promise<void> {
  expect(await wire.ask('bye')).toBe('bye')
  expect(await wire.rest()).toBe('')
}

describe.each(['leader', 'follower'] as const)('at the %s', (role) => {
  it('pipelines: answers in the order of effects, bye last', async () => {
    const [a, b] = [freshName(), freshName()]
    const { wire } = await open(ports[role], ',client-id:me@here')
    wire.send(`lock,id:1,name:${a}\r\nlock,id:2,name:${b}\nrelease,id:3,name:${a}\nlock,id:4,name:${a}\nbye\n`)
    const lines = (await wire.rest()).split('\n')
    const answers = lines.map((line) => line.replace(/token:\d+/, 'token:T'))
    expect(answers).toEqual([
      `ok,id:1,name:${a},token:T`,
      `ok,id:2,name:${b},token:T`,
      `released,id:3,name:${a}`,
      `ok,id:4,name:${a},token:T`,
      'bye',
      '',
    ])
    const tokens = lines.filter((line) => line.startsWith('ok')).map((line) => Number(fieldOf(line, 'token')))
    expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y))
    expect(await converse(ports.leader, `lock,name:${a}\nrelease\n`)).toBe('ok\nreleased\n')
  })

  it('queues, cancels, times out, grants', async () => {
    const name = freshName()
    const owner = await open(ports.leader, ',client-id:owner')
    expect(await owner.wire.ask(`lock,id:1,name:${name}`)).toMatch(/^ok/)
    const rival = await open(ports[role])
    const ask = (line: string) => rival.wire.ask(line)
    expect(await ask(`lock,id:1,name:${name}`)).toBe(`not-granted,id:1,name:${name},reason:held,holder:owner`)
    expect(await ask(`lock,id:2,name:${name},wait:0.1`)).toBe(`queued,id:2,name:${name},position:1`)
    expect(await rival.wire.line()).toMatch(new RegExp(`^not-granted,id:2,name:${name},reason:timeout`))
    expect(await ask(`lock,id:3,name:${name},wait:forever`)).toBe(`queued,id:3,name:${name},position:1`)
    const ends = [await ask('cancel,id:4,request:3'), await rival.wire.line()].sort()
    expect(ends).toEqual(['cancelled,id:4', expect.stringMatching(/^not-granted,id:3,.*reason:cancelled/)])
    expect(await ask(`lock,id:5,name:${name},wait:30`)).toBe(`queued,id:5,name:${name},position:1`)
    expect(await ask(`lock,id:5,name:${name},wait:30`)).toBe(`queued,id:5,name:${name},position:1`)
    expect(await owner.wire.ask(`release,id:2,name:${name}`)).toBe(`released,id:2,name:${name}`)
    expect(await rival.wire.line()).toMatch(new RegExp(`^ok,id:5,name:${name},token:\\d+$`))
    await bye(rival)
    await bye(owner)
  })

  it('gives a repeated request its one answer', async () => {
    const name = freshName()
    const session = await open(ports[role])
    const first = await session.wire.ask(`lock,id:1,name:${name}`)
    expect(await session.wire.ask(`lock,id:1,name:${name}`)).toBe(first)
    expect(await session.wire.ask(`release,id:2,name:${name}`)).toBe(`released,id:2,name:${name}`)
    expect(await session.wire.ask(`lock,id:1,name:${name}`)).toBe(first)
    // The hold has ended since, which is told with it.
    expect(await session.wire.line()).toBe(`released,id:1,name:${name}`)
    expect(await session.wire.ask('.keepalive,ack:2')).toBe('alive')
    // Below what was acknowledged nothing is answered: the next answer is that of the keepalive.
    session.wire.send(`lock,id:1,name:${name}\n`)
    const token = fieldOf(first, 'token')
    expect(await session.wire.ask(`release,id:3,name:${name},token:${token}`)).toMatch(/^err,id:3,code:not-holder/)
    await bye(session)
  })

  const errors: readonly [string, RegExp][] = [
    ['frobnicate,id:7', /^err,id:7,code:bad-request,message:\S+$/],
    ['', /^err,code:bad-request/],
    [',', /^err,code:bad-request/],
    ['lock,id:7', /^err,id:7,code:bad-name/],
    ['lock,id:7,name:a b', /^err,id:7,code:bad-name/],
    ['lock,id:x,name:a', /^err,code:bad-request/],
    ['lock,id:7,name:a,wait:soon', /^err,id:7,code:bad-request/],
    ['lock,id:7,name:a,mode:shared,limit:3', /^err,id:7,code:bad-request/],
    ['lock,id:7,name:a,permits:4,limit:3', /^err,id:7,code:limit/],
    ['lock,id:8,name:a,name:a', /^err,id:8,code:bad-request/],
    ['check,id:7,name:a,token:x', /^err,id:7,code:bad-request/],
    ['locks,id:7,match:(', /^err,id:7,code:bad-request/],
    ['watch,id:7,name:a,since:x', /^err,id:7,code:bad-request/],
    ['.force-release,id:8,name:a,token:1,reason:x', /^err,id:8,code:not-holder/],
    ['release,id:9,name:nobody-has-it', /^err,id:9,code:not-holder/],
    ['.member-add,id:7,node:n1,peer:x:1', /^err,id:7,code:bad-request/],
  ]
  it('answers errors and keeps the connection', async () => {
    const session = await open(ports[role])
    for (const [line, answer] of errors) expect(await session.wire.ask(line)).toMatch(answer)
    session.wire.send(Buffer.from('\xff\n', 'latin1'))
    expect(await session.wire.line()).toMatch(/^err,code:bad-request/)
    const held = freshName()
    expect(await session.wire.ask(`lock,id:10,name:${held}`)).toMatch(/^ok,id:10/)
    expect(await session.wire.ask(`lock,id:11,name:${held},wait:forever`)).toMatch(/^err,id:11,code:deadlock/)
    expect(await session.wire.ask(`release,id:12,name:${held},token:1`)).toMatch(/^err,id:12,code:not-holder/)
    expect(await session.wire.ask('.keepalive')).toBe('alive')
    await bye(session)
  })

  it.each(TRANSPORTS)('gives a session whose connection breaks back at any node: %s', async (transport) => {
    const [held, waited] = [freshName(), freshName()]
    const owner = await open(ports.leader)
    await owner.wire.ask(`lock,id:1,name:${waited}`)
    const session = await open(ports[role], '', transport)
    const grant = await session.wire.ask(`lock,id:1,name:${held}`)
    await session.wire.ask(`lock,id:2,name:${waited},wait:forever`)
    session.wire.reset()
    for (const { port } of cluster.nodes) {
      const wire = await Wire.open(port, transport)
      expect(await wire.ask(session.resume)).toMatch(/^welcome,.*,resumed:yes$/)
      expect(await wire.line()).toBe(`held,name:${held},mode:exclusive,token:${fieldOf(grant, 'token')}`)
      expect(await wire.line()).toBe(`queued,id:2,name:${waited},position:1`)
      expect(await wire.line()).toBe('ready')
      expect(await converse(ports.leader, `lock,name:${held}\n`)).toBe('not-granted\n')
      wire.reset()
    }
    const wire = await Wire.open(ports[role])
    wire.send(`${session.resume}\nlock,id:1,name:${held}\nbye\n`)
    const lines = (await wire.rest()).split('\n')
    expect(lines).toContain(grant)
    expect(lines.slice(-2)).toEqual(['bye', ''])
    await bye(owner)
  })

  it('closes the old connection without a word when the session is resumed elsewhere', async () => {
    const session = await open(ports[role])
    const next = await Wire.open(ports.leader)
    expect(await next.ask(session.resume)).toMatch(/^welcome/)
    expect(await session.wire.rest()).toBe('')
    expect(await next.line()).toBe('ready')
    next.send('bye\n')
    expect(await next.rest()).toBe('bye\n')
  })

  it.each(TRANSPORTS)('frees the locks at a FIN, unless the session lingers: %s', async (transport) => {
    const name = freshName()
    const brief = await open(ports[role], '', transport)
    await brief.wire.ask(`lock,id:1,name:${name}`)
    brief.wire.fin()
    await brief.wire.rest()
    const lingering = await open(ports[role], ',linger:60', transport)
    lingering.wire.send(`lock,id:1,name:${name},wait:30\n`)
    await until('the lock is granted', async () => /^ok,id:1.*\n/m.test(lingering.wire.unread))
    lingering.wire.fin()
    await lingering.wire.rest()
    expect(await converse(ports.leader, `lock,name:${name}\n`)).toBe('not-granted\n')
    const wire = await Wire.open(ports.follower)
    wire.send(`${lingering.resume}\nrelease,id:2,name:${name}\nbye\n`)
    expect(await wire.rest()).toMatch(new RegExp(`\nready\n(.*\n)*released,id:2,name:${name}\nbye\n$`))
  })

  it('refuses a resume that it must refuse', async () => {
    const session = await open(ports[role])
    expect(await converse(ports[role], `${session.resume}0\n`)).toMatch(/^err,code:session-expired,message:\S+\n$/)
    expect(await converse(ports[role], 'resume,session:1,secret:x\n')).toMatch(/^err,code:session-expired/)
    expect(await converse(ports[role], 'resume\n')).toMatch(/^err,code:bad-request/)
    await bye(session)
    expect(await converse(ports[role], `${session.resume}\n`)).toMatch(/^err,code:session-expired/)
  })

  const openings: readonly [string, RegExp][] = [
    ['hello', /^err,code:bad-request/],
    ['hello,version:1', /^err,code:bad-request/],
    [`${HELLO},lease:2`, /^err,code:limit/],
    [`${HELLO},lease:86401`, /^err,code:limit/],
    [`${HELLO},lease:x`, /^err,code:bad-request/],
    [`${HELLO},client-id:a b`, /^err,code:bad-request/],
    [`${HELLO}\nlock,id:1,name:early`, /^err,code:bad-request/],
    [`${HELLO},x:${'y'.repeat(5_000)}`, /^err,line too long\n$/],
  ]
  it.each(openings)('refuses to open a session in the wrong way: %#', async (line, answer) => {
    expect(await converse(ports[role], `${line}\n`)).toMatch(answer)
  })
})

describe('redirection', () => {
  it('names the leader, where a hello is welcome', async () => {
    expect(await converse(ports.follower, 'hello,version:2\n')).toMatch(
      new RegExp(`^redirect,address:localhost:${ports.leader},cluster:\\w+\\n$`),
    )
    const wire = await Wire.open(ports.leader)
    expect(await wire.ask('hello,version:2')).toMatch(/^welcome/)
    wire.send('bye\n')
    expect(await wire.rest()).toBe('bye\n')
  })
})

describe('silence', () => {
  it('for longer than the lease ends the connection; the session stays for another lease', async () => {
    const name = freshName()
    const session = await open(ports.follower, ',lease:3')
    await session.wire.ask(`lock,id:1,name:${name}`)
    expect(await session.wire.rest()).toBe('')
    const waiter = await Wire.open(ports.leader)
    waiter.send(`lock,name:${name},wait:forever\n`)
    expect(await waiter.ask('.keepalive')).toBe('alive')
    const wire = await Wire.open(ports.leader)
    wire.send(`${session.resume}\nbye\n`)
    expect(await wire.rest()).toContain(`held,name:${name}`)
    expect(await waiter.line()).toBe('ok')
    waiter.destroy()
  })
})
