import { describe, expect, it } from 'vitest'
import { Cluster } from '../kit/cluster.js'
import type { FakeSocket } from '../kit/socket.js'

/** Sends `input` (a string per packet), lets things settle, returns what came back and whether the node closed. */
function talk(socket: FakeSocket, ...packets: (string | Uint8Array)[]): string {
  for (const packet of packets) {
    socket.send(packet)
    socket.node.world.advance(20)
  }
  return socket.text + (socket.closed === null ? '' : '|closed')
}

const LONG = `lock,name:${'a'.repeat(5_000)}\n`
const BAD_UTF8 = Uint8Array.from([0x6c, 0xff, 0xfe, 0x0a])

describe.each([
  ['leader', 0],
  ['follower', 1],
])('the conversation table at the %s', (_, at) => {
  const cluster = new Cluster()
  cluster.start()
  const taken = cluster.node(2).connect()
  taken.send('lock,name:taken\n')
  cluster.world.advance(20)
  const client = () => cluster.node(at).connect()

  it.each<[string, (string | Uint8Array)[], string]>([
    ['a free lock', ['lock,name:a1\n'], 'ok\n'],
    ['CR LF', ['lock,name:a2\r\n'], 'ok\n'],
    ['a client id', ['lock,name:a3,client-id:me@host\n'], 'ok\n'],
    ['a held lock', ['lock,name:taken\n'], 'not-granted\n|closed'],
    ['no name', ['lock\n'], 'err,invalid lock name\n|closed'],
    ['a bad name', ['lock,name:a b\n'], 'err,invalid lock name\n|closed'],
    ['a name that begins with a dot', ['lock,name:.a\n'], 'err,invalid lock name\n|closed'],
    ['a name of 256', [`lock,name:${'a'.repeat(256)}\n`], 'err,invalid lock name\n|closed'],
    ['a bad client id', ['lock,name:a4,client-id:a b\n'], 'err,invalid client id\n|closed'],
    ['an unknown key', ['lock,name:a5,color:red\n'], 'ok\n'],
    ['release', ['lock,name:a6\n', 'release\n'], 'ok\nreleased\n|closed'],
    ['lock and release in one packet', ['lock,name:a7\nrelease\n'], 'ok\nreleased\n|closed'],
    [
      'all in one packet',
      ['lock,name:a8\n.keepalive\nwhat\n\nrelease\n.ping\n'],
      'ok\nalive\nbad-action\nbad-action\nreleased\n|closed',
    ],
    ['byte by byte', [...'lock,name:a9\nrelease\n'], 'ok\nreleased\n|closed'],
    ['keepalive while holding', ['lock,name:b1\n', '.keepalive\n'], 'ok\nalive\n'],
    [
      'nonsense while holding',
      ['lock,name:b2\n', 'lock,name:b3\n', ',,\n', BAD_UTF8],
      'ok\nbad-action\nbad-action\nbad-action\n',
    ],
    ['a long line while holding', ['lock,name:b4\n', LONG], 'ok\nerr,line too long\n|closed'],
    ['ping', ['.ping\n'], 'pong\n|closed'],
    ['shutdown', ['.server-shutdown\n'], 'err,shutdown not allowed\n|closed'],
    ['another action', ['frobnicate\n'], 'bad-action\n|closed'],
    ['release without a lock', ['release\n'], 'bad-action\n|closed'],
    ['keepalive without a lock', ['.keepalive\n'], 'bad-action\n|closed'],
    ['an upper-case action', ['LOCK,name:x\n'], 'bad-action\n|closed'],
    ['an empty line', ['\n'], 'bad-request\n|closed'],
    ['bad UTF-8', [BAD_UTF8], 'bad-request\n|closed'],
    ['an empty key', ['lock,:x\n'], 'bad-request\n|closed'],
    ['a long line', [LONG], 'err,line too long\n|closed'],
    ['a long line without an end', ['x'.repeat(4_097)], 'err,line too long\n|closed'],
    ['wait:0', ['lock,name:taken,wait:0\n'], 'not-granted\n|closed'],
    ['a bad wait', ['lock,name:b5,wait:soon\n'], 'err,invalid wait\n|closed'],
    ['a negative wait', ['lock,name:b5,wait:-1\n'], 'err,invalid wait\n|closed'],
    ['a bad fence', ['lock,name:b5,fence:1\n'], 'err,invalid fence\n|closed'],
    ['a bad redirect', ['lock,name:b5,redirect:1\n'], 'err,invalid redirect\n|closed'],
    ['a bad mode', ['lock,name:b5,mode:odd\n'], 'err,invalid mode\n|closed'],
    ['shared, below its level', ['lock,name:b5,mode:shared\n'], 'err,mode needs level 2\n|closed'],
    ['permits, below their level', ['lock,name:b5,permits:1,limit:2\n'], 'err,limit needs level 2\n|closed'],
  ])('%s', (_what, packets, answer) => {
    expect(talk(client(), ...packets)).toBe(answer)
  })

  it('fences with rising tokens', () => {
    const [first, second] = [client(), client()].map((socket, n) => {
      const text = talk(socket, `lock,name:fence${n},fence:yes\n`)
      return Number(/^ok,token:(\d+)\n$/.exec(text)?.[1])
    })
    expect(second).toBeGreaterThan(first ?? Number.NaN)
  })

  it('gives its statistics as JSON', () => {
    const text = talk(client(), '.stats\n')
    expect(text).toMatch(/^stats,\{.*\}\n\|closed$/)
    const stats = JSON.parse(text.slice('stats,'.length, text.indexOf('\n')))
    expect(stats.lock_count).toBe(cluster.node(at).machine.lockCount)
    expect(stats).toMatchObject({ maxrss: 1 })
    for (const key of ['requests_count', 'lock_acquired_count', 'lock_not_acquired_count']) {
      expect(stats[key]).toBeGreaterThan(0)
    }
  })

  it('redirects to the leader only from elsewhere', () => {
    expect(talk(client(), 'lock,name:r1,redirect:yes\n')).toBe(at === 0 ? 'ok\n' : 'redirect,address:n1:7654\n|closed')
  })

  it('answers a client that half-closes, then gives the lock to the next', () => {
    const socket = client()
    socket.send('lock,name:half\n')
    socket.fin()
    cluster.world.advance(20)
    expect(socket.text).toBe('ok\n')
    expect(socket.closed).toBe('end')
    expect(talk(client(), 'lock,name:half\n')).toBe('ok\n')
  })

  it.each(['fin', 'break'] as const)('frees the lock on %s', (how) => {
    const socket = client()
    talk(socket, `lock,name:free-${how}\n`)
    socket[how]()
    cluster.world.advance(20)
    expect(talk(client(), `lock,name:free-${how}\n`)).toBe('ok\n')
  })

  it('waits, stays alive, is granted', () => {
    const holder = client()
    talk(holder, 'lock,name:w1\n')
    const waiter = client()
    expect(talk(waiter, 'lock,name:w1,wait:forever\n', '.keepalive\n', 'what\n')).toBe('alive\nbad-action\n')
    holder.fin()
    cluster.world.advance(20)
    expect(talk(waiter, '.keepalive\n', 'release\n')).toBe('alive\nbad-action\nok\nalive\nreleased\n|closed')
  })

  it('waits its time and is refused', () => {
    const holder = client()
    talk(holder, 'lock,name:w2\n')
    const waiter = client()
    expect(talk(waiter, 'lock,name:w2,wait:1.5\n')).toBe('')
    cluster.world.advance(1_400)
    expect(waiter.text).toBe('')
    cluster.world.advance(200)
    expect(talk(waiter)).toBe('not-granted\n|closed')
    expect(cluster.node(at).machine.holder('w2')?.waiters).toBe(0)
  })

  it('gives up its place on release, and on FIN without a word', () => {
    const holder = client()
    talk(holder, 'lock,name:w3\n')
    expect(talk(client(), 'lock,name:w3,wait:forever\nrelease\n')).toBe('not-granted\n|closed')
    const gone = client()
    talk(gone, 'lock,name:w3,wait:forever\n')
    gone.fin()
    cluster.world.advance(20)
    expect(gone.text).toBe('')
    expect(gone.closed).toBe('end')
    expect(cluster.node(at).machine.holder('w3')?.waiters).toBe(0)
  })

  it('leaves nothing behind', () => {
    expect(cluster.node(at).service.stats().unsettled).toBe(0)
  })
})

describe('classic dialect', () => {
  it('shuts down only from loopback and when allowed', () => {
    const cluster = new Cluster({ service: { allowShutdown: true } })
    cluster.start()
    expect(talk(cluster.node(0).connect(false), '.server-shutdown\n')).toBe('err,shutdown not allowed\n|closed')
    expect(cluster.node(0).shutdownAsked).toBe(false)
    expect(talk(cluster.node(0).connect(), '.server-shutdown\n')).toBe('shutting-down\n|closed')
    expect(cluster.node(0).shutdownAsked).toBe(true)
  })

  it('redirects every lock with followers: redirect', () => {
    const cluster = new Cluster({ service: { followers: 'redirect' } })
    cluster.start()
    expect(talk(cluster.node(1).connect(), 'lock,name:x\n')).toBe('redirect,address:n1:7654\n|closed')
    expect(talk(cluster.node(0).connect(), 'lock,name:x\n')).toBe('ok\n')
  })

  it('says err,no quorum before it has an epoch, and pong all the same', () => {
    const cluster = new Cluster()
    for (const node of cluster.nodes) node.boot()
    expect(talk(cluster.node(0).connect(), 'lock,name:x\n')).toBe('err,no quorum\n|closed')
    expect(talk(cluster.node(0).connect(), '.ping\n')).toBe('pong\n|closed')
  })

  it('stops reading from a client that sends on and on before its answer', () => {
    const cluster = new Cluster()
    cluster.start()
    cluster.elect(null)
    cluster.world.advance(1_000)
    const socket = cluster.node(1).connect()
    socket.send(`lock,name:x\n${'.keepalive\n'.repeat(64)}`)
    cluster.world.advance(1)
    expect(socket.paused).toBe(true)
    cluster.elect(cluster.node(1))
    cluster.world.advance(1_000)
    expect(socket.paused).toBe(false)
    expect(socket.text).toBe(`ok\n${'alive\n'.repeat(64)}`)
  })
})
