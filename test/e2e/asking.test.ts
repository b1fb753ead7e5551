/** What `tnl` and HTTP show of the locks of a real cluster; and a watch that outlives the node that it asked. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtProgram, TestCluster, until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { dial, fetchFrom, TRANSPORT } from '../kit/transport.js'
import { WatchReplay } from '../kit/watch-replay.js'
import { fieldOf, Wire } from '../kit/wire.js'

const WATCHES = 100
const ROUNDS = 18
const LOCKS = 50

let cluster: TestCluster
let alice: Wire
let bob: Wire
let token = ''
let session = ''

async function openSession(client: string, at: number): Promise<Wire> {
  const wire = await Wire.open(cluster.node(at).port)
  const welcome = await wire.ask(`hello,version:2,client-id:${client},redirect:no,lease:3600`)
  if (client === 'bob') session = fieldOf(welcome, 'session')
  return wire
}

beforeAll(async () => {
  cluster = await TestCluster.start()
  alice = await openSession('alice', 0)
  bob = await openSession('bob', 1)
  token = fieldOf(await alice.ask('lock,id:1,name:shown/a,meta:why%20not'), 'token')
  expect(await alice.ask('lock,id:2,name:shown/s,limit:5,permits:2')).toMatch(/^ok/)
  expect(await alice.ask('lock,id:3,name:shown/once,once:shown-key')).toMatch(/^ok/)
  expect(
    await alice.ask(`release,id:4,name:shown/once,token:${fieldOf(await held('shown/once'), 'token')},done:yes`),
  ).toMatch(/^rel/)
  expect(await bob.ask('lock,id:1,name:shown/a,wait:forever')).toMatch(/^queued/)
})

afterAll(async () => {
  await cluster.stop()
})

async function held(name: string): Promise<string> {
  const line = await alice.ask(`locks,id:900,prefix:${name}`)
  await alice.line()
  return line ?? ''
}

async function tnl(...words: readonly string[]): Promise<string> {
  const program = new Program('tnl', [...words, '--endpoints', cluster.endpoints])
  expect(await program.status(), program.stderr).toBe(0)
  return program.stdout
}

describe('tnl', () => {
  it('locks: a table, or JSON', async () => {
    const rows = (await tnl('locks', '--prefix', 'shown/')).trim().split('\n')
    expect(rows[0]).toMatch(/^NAME +MODE +STATE +HOLDER +TOKEN/)
    expect(rows[1]).toMatch(new RegExp(`^shown/a +exclusive +held +alice +${token} .* 1 +why not$`))
    expect(rows[2]).toMatch(/^shown\/s +2\/5 +held +alice/)
    expect(rows).toHaveLength(3)
    const found = JSON.parse(await tnl('locks', '--match', 'shown/[ab]', '--json'))
    expect(found).toMatchObject([{ name: 'shown/a', token: Number(token), holder: 'alice', waiters: 1 }])
  })

  it('who, why, history, sessions, once list: for people, and as JSON', async () => {
    expect(await tnl('who', 'shown/a')).toMatch(
      /^shown\/a: a lock, held, 1 waiting\n {2}HOLDER .*\n {2}alice +n1 +exclusive +\d+ .* lease, ≥ 60 min\n {4}“why not”\n {2}WAITING .*\n {2}1 +bob .* never\n$/,
    )
    const why = await tnl('why', 'shown/a')
    expect(why.replace(/\s+/g, ' ')).toMatch(
      /^bob \(session \d+\) has waited .* for shown\/a, at position 1, and waits without end: - shown\/a is held by alice \(token \d+\) on n1 for /,
    )
    expect(Math.max(...why.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(await tnl('why', 'shown/s')).toMatch(/nothing is in the way/)
    expect(await tnl('why', 'shown/nobody')).toMatch(/nothing is in the way/)
    expect(await tnl('why', 'shown/a', '--session', '7')).toBe('session 7 does not wait for shown/a\n')
    expect(await tnl('locks', '--prefix', 'shown/', '--contended')).toMatch(/^NAME .*\nshown\/a .*\n$/)
    expect(JSON.parse(await tnl('why', 'shown/a', '--session', session, '--json'))).toMatchObject({ requestCount: 1 })
    expect(await tnl('history', 'shown/once')).toMatch(/alice +exclusive +\d+ +released/)
    expect(await tnl('sessions')).toMatch(/alice +n\d/)
    expect(await tnl('once', 'list')).toMatch(/shown-key +20\d\d-.* +alice +for ever/)
    expect(JSON.parse(await tnl('once', 'list', '--json'))).toMatchObject([{ key: 'shown-key', holder: 'alice' }])
  })

  it('says what was wrong: 1 refused, 2 bad usage, 125 nobody there', async () => {
    const failing = async (...words: readonly string[]) => {
      const program = new Program('tnl', words)
      const status = await program.status()
      return [status, program.stderr]
    }
    const there = ['--endpoints', cluster.endpoints]
    expect(await failing('locks', '--match', '(', ...there)).toEqual([1, expect.stringContaining('bad-request: match')])
    expect(await failing('who', '.x', ...there)).toEqual([2, expect.stringContaining('not a lock name')])
    expect(await failing('watch', 'x\u001b[2J', ...there)).toEqual([2, expect.stringContaining("'x\\u{1b}[2J'")])
    expect(await failing('watch', 'x', '--endpoints', '127.0.0.1:1')).toEqual([
      125,
      expect.stringContaining('no endpoint'),
    ])
    expect(await failing('why', 'x', '--session', 'y', ...there)).toEqual([2, expect.stringContaining('--session')])
    expect(await failing('who', 'x', '--endpoints', '127.0.0.1:1')).toEqual([
      125,
      expect.stringContaining('no endpoint'),
    ])
  })
})

it('HTTP: linearizable on any node, as JSON', async () => {
  for (const { plan } of cluster.nodes) {
    const read = async (path: string) => (await fetchFrom(plan.httpPort, `/v1/${path}`)).json()
    expect(await read(`check?name=shown/a&token=${token}`)).toMatchObject({ valid: true })
    expect(await read('locks?prefix=shown/')).toMatchObject({
      locks: [{ name: 'shown/a' }, { name: 'shown/s', permits: 2 }],
    })
    expect(await read('locks/shown/a')).toMatchObject({ holds: [{ holder: 'alice' }], waiting: [{ holder: 'bob' }] })
    expect(await read('why/shown/a')).toMatchObject({ requests: [{ blockers: [{ kind: 'hold', holder: 'alice' }] }] })
    expect(await read('history/shown/once')).toMatchObject({ ends: [{ how: 'released' }] })
    expect(await read('marks')).toMatchObject({ marks: [{ key: 'shown-key' }] })
    expect(await read('freezes')).toEqual({ freezes: [], count: 0 })
  }
})

it('tnl watch tells each event once, though its node is killed meanwhile', async () => {
  const [, first, second] = cluster.nodes
  if (first === undefined || second === undefined) throw new Error('three nodes')
  const endpoints = `127.0.0.1:${second.port},127.0.0.1:${cluster.node(0).port}`
  const watch = new Program('tnl', ['watch', 'followed/', '--prefix', '--json', '--endpoints', endpoints])
  const names: string[] = []
  const lock = async (name: string): Promise<void> => {
    names.push(name)
    expect(await alice.ask(`lock,id:${100 + names.length},name:${name}`)).toMatch(/^ok/)
  }
  const told = (): string[] =>
    watch.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'granted' || type === 'lock')
      .map(({ name }) => name)
  // It is watching once it tells something.
  await until('the first event', async () => {
    await lock(`followed/${names.length}`)
    return watch.stdout.includes('granted')
  })
  const [from = ''] = told()
  second.signal('SIGKILL')
  await second.ended()
  await cluster.untilAllServe()
  await lock('followed/after')
  await watch.said(/followed\/after/)
  expect(told()).toEqual(names.slice(names.indexOf(from)))
  second.start()
  await cluster.untilAllServe()
  await watch.end()
})

it('a watcher that does not read keeps its session, and hears of a gap once it reads', async () => {
  const { stream: socket } = await dial(cluster.node(0).port, TRANSPORT)
  const replays = Array.from({ length: WATCHES }, (_, at) => new WatchReplay(String(at + 1)))
  let text = ''
  let last = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    const lines = (text + String(chunk)).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      replays[Number(/^[a-z]+,id:(\d+),/.exec(line)?.[1]) - 1]?.take(`${line}\n`)
      last = line
    }
  })
  socket.write('hello,version:2,redirect:no,lease:600\n')
  await until('a session', async () => last.startsWith('welcome'))
  for (const { id } of replays) socket.write(`watch,id:${id},prefix:unread/\n`)
  await until('all watches', async () => replays.every(({ isWatching }) => isWatching))
  socket.pause()
  // More than the kernels keep for whoever does not read, and a mebibyte in the node.
  for (let round = 0; round < ROUNDS; round += 1) {
    let lines = ''
    for (let at = 0; at < LOCKS; at += 1) lines += `lock,name:unread/${round}/${at}\n`
    alice.send(lines)
    for (let at = 0; at < LOCKS; at += 1) expect(await alice.line()).toMatch(/^ok/)
  }
  socket.resume()
  const held = ROUNDS * LOCKS
  await until('everything is known', async () =>
    replays.every(({ holds, isListing }) => holds.size === held && !isListing),
  )
  expect(replays.every(({ gaps }) => gaps > 0)).toBe(true)
  socket.write('.keepalive\n')
  await until('a sign of life', async () => last === 'alive')
  socket.destroy()
})

it('tnl ends like other programs when nobody reads on', { timeout: 60_000 }, async () => {
  const names = Array.from({ length: 64 }, (_, at) => `read-on/${'x'.repeat(200)}${at}`)
  const carol = await openSession('carol', 0)
  for (const id of [1, 2, 3, 4, 5, 6]) {
    const asked = names.map((name) => `,name:${name}-${id}`).join('')
    expect(await carol.ask(`lock,id:${id}${asked}`)).toMatch(/^ok/)
    for (let left = names.length - 1; left > 0; left -= 1) expect(await carol.line()).toMatch(/^ok/)
  }
  // More than a pipe holds, so that it is still writing when its reader is gone.
  const piped = `"$0" "$@" | head -n 1; echo "\${PIPESTATUS[0]}"`
  const words = [
    process.execPath,
    builtProgram('tnl'),
    'locks',
    '--prefix',
    'read-on/',
    '--endpoints',
    cluster.endpoints,
  ]
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', piped, ...words])
  expect([stdout.split('\n')[1], stderr]).toEqual(['141', ''])
})

it('says that there is no quorum, and ends with 125', async () => {
  for (const node of cluster.nodes.slice(1)) {
    node.signal('SIGKILL')
    await node.ended()
  }
  const program = new Program('tnl', ['why', 'shown/a', '--endpoints', cluster.endpoints])
  expect(await program.status()).toBe(125)
  expect(program.stderr).toMatch(/^no endpoint answered: .*quorum/)
})
