/** Reads of clients on whole nodes in virtual time: what they may show, and what they must not hold up. */
import { describe, expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import type { ReadDone } from '../../../src/raft/node/reads/reads.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { WatchReplay } from '../../kit/watch-replay.js'
import type { Cluster } from '../kit/cluster.js'
import type { FakeNode } from '../kit/node.js'
import { hello, type Opened, resume, started, startedAtLevel, talk } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

const tokenIn = (text: string): string => /token:(\d+)/.exec(text)?.[1] ?? ''

/** The holds of a state: the test's own look, past all views. */
const holdsOf = (cluster: Cluster, at: number): string[] =>
  [...cluster.node(at).machine.inspect().locks.values()]
    .flatMap((lock) => [...lock.holds()])
    .filter(({ phase }) => phase === 'held')
    .map(({ lock, token }) => `${lock.name}@${token}`)
    .toSorted()

describe.each([
  ['leader', 0],
  ['follower', 1],
])('at the %s', (_, at) => {
  it('a read shows what was answered before it was asked, also where that has not arrived yet', () => {
    const cluster = startedAtLevel(FEATURE_LEVEL)
    const random = new SeededRandom(5)
    const holder = hello(cluster.node(2))
    const asker = hello(cluster.node(at))
    const { world } = cluster
    cluster.faults.applyMs = 300
    let id = 0
    const answerOf = (socket: FakeSocket, line: string): string => {
      id += 1
      const before = socket.text.length
      socket.send(line.replace(/^[a-z]+/, `$&,id:${id}`))
      const found = (): string | undefined =>
        socket.text
          .slice(before)
          .split('\n')
          .find((each) => each.includes(`id:${id}`) && !each.startsWith('lock,'))
      world.until(() => found() !== undefined)
      return found() ?? ''
    }
    for (let round = 0; round < 40; round += 1) {
      const name = `read/${random.int(5)}`
      const token = tokenIn(answerOf(holder.socket, `lock,name:${name}\n`))
      expect(answerOf(asker.socket, `check,name:${name},token:${token}\n`), `round ${round}`).toMatch(/^valid/)
      expect(answerOf(asker.socket, `who,name:${name}\n`)).toContain(`"token":${token}`)
      expect(answerOf(asker.socket, `locks,prefix:${name}\n`)).toMatch(/count:1$/)
      expect(answerOf(holder.socket, `release,name:${name}\n`)).toMatch(/^released/)
      expect(answerOf(asker.socket, `check,name:${name},token:${token}\n`), `round ${round}`).toMatch(/^stale/)
      expect(answerOf(asker.socket, `locks,prefix:${name}\n`)).toMatch(/count:0$/)
    }
  })

  it('without a quorum nothing is said but that; the session lives, and nothing was proposed', () => {
    const cluster = startedAtLevel(FEATURE_LEVEL)
    const node = cluster.node(at)
    const asker = hello(node)
    const { length } = cluster.log
    const refused: ReadDone[] = []
    node.read = (done) => void refused.push(done)
    const lines = ['check,id:1,name:x,token:1', 'locks,id:2', 'who,id:3,name:x', 'watch,id:4,name:x', 'sessions,id:5']
    expect(talk(asker.socket, `${lines.join('\n')}\n`)).toBe('')
    for (const done of refused) done('unavailable')
    const said = `${asker.socket.text}${talk(asker.socket, '.keepalive\n')}`
    for (let id = 1; id <= 5; id += 1) expect(said).toContain(`err,id:${id},code:no-quorum,message:`)
    expect(said).toMatch(/alive\n$/)
    expect(node.service.reads.watches.count).toBe(0)
    expect(cluster.log.length).toBe(length)
    const first = node.connect()
    talk(first, 'check,name:x,token:1\n')
    refused.at(-1)?.('unavailable')
    expect(first.text).toMatch(/^err,code:no-quorum,message:.*\n$/)
    expect(first.closed).toBe('end')
  })
})

it('`valid` is said only while the node may speak', () => {
  const cluster = startedAtLevel(FEATURE_LEVEL)
  const node = cluster.node(1)
  const holder = hello(node, ',lease:3600')
  const token = tokenIn(talk(holder.socket, 'lock,id:1,name:x\n'))
  const first = node.connect()
  node.cut = true
  const waiting: ReadDone[] = []
  node.read = (done) => void waiting.push(done)
  first.send(`check,name:x,token:${token}\n`)
  cluster.world.until(() => waiting.length > 0)
  cluster.world.until(() => node.service.stats().speakRemainingMs === 0)
  for (const done of waiting) done('current')
  cluster.world.advance(100)
  expect(first.text).not.toContain('valid')
  // The node takes connections again before it has another epoch.
  const second = node.connect()
  second.send(`check,name:x,token:${token}\n`)
  cluster.world.until(() => waiting.length > 1 || second.closed !== null)
  waiting.at(-1)?.('current')
  cluster.world.advance(10)
  expect(second.text).toMatch(/^err,code:no-quorum,/)
})

it('answers come before the end: a `bye` waits for reads, and not for a watch', () => {
  const cluster = startedAtLevel(FEATURE_LEVEL)
  const holder = hello(cluster.node(0))
  let lines = ''
  for (let id = 1; id <= 900; id += 1) lines += `lock,id:${id},name:many/${id}\n`
  talk(holder.socket, lines)
  const asker = hello(cluster.node(0))
  asker.socket.send(
    'watch,id:1,name:x\nwatch,id:2,name:x,since:999999.0\nlocks,id:3\ncheck,id:4,name:many/1,token:1\nbye\n',
  )
  cluster.world.until(() => asker.socket.closed !== null)
  const said = asker.socket.text
  expect(said).toContain('end,id:3,count:900\n')
  expect(said).toContain('stale,id:4\n')
  expect(said).toMatch(/bye\n$/)
  expect(cluster.node(0).service.reads.watches.count).toBe(0)
})

it('a client that asks and asks is not read while too much is under way', () => {
  const cluster = startedAtLevel(FEATURE_LEVEL)
  const node = cluster.node(0)
  const asker = hello(node)
  const waiting: ReadDone[] = []
  node.read = (done) => void waiting.push(done)
  talk(asker.socket, 'check,name:x,token:1\n'.repeat(1_500))
  expect(asker.socket.paused).toBe(true)
  for (const done of waiting.splice(0)) done('current')
  cluster.world.advance(10)
  expect(asker.socket.paused).toBe(false)
})

it('in a cluster of level 1 there are reads too', () => {
  const cluster = started()
  const holder = hello(cluster.node(0), ',client-id:one')
  talk(holder.socket, 'watch,id:1,prefix:\n')
  const token = tokenIn(talk(holder.socket, 'lock,id:2,name:old\n'))
  const asker = hello(cluster.node(1))
  expect(talk(asker.socket, `check,id:1,name:old,token:${token}\n`)).toBe('valid,id:1\n')
  expect(talk(asker.socket, 'locks,id:2\n')).toMatch(/^lock,id:2,name:old,.*holder:one,.*\nend,id:2,count:1\n$/)
  expect(talk(asker.socket, 'history,id:3,name:old\n')).toBe('info,id:3,{"name":"old","ends":[]}\n')
  talk(holder.socket, 'release,id:3,name:old\n')
  expect(holder.socket.text).toMatch(/event,id:1,.*type:granted,name:old,.*event,id:1,.*type:released,name:old,/s)
  expect(talk(asker.socket, `check,id:4,name:old,token:${token}\n`)).toBe('stale,id:4\n')
})

it('a watcher that does not read loses nothing but events, and costs nobody anything else', () => {
  const cluster = startedAtLevel(FEATURE_LEVEL)
  const watcher = hello(cluster.node(1))
  talk(watcher.socket, 'watch,id:1,prefix:slow/\n')
  talk(watcher.socket, 'lock,id:2,name:slow/own\n')
  watcher.socket.writableLength = 2 * 1024 * 1024
  const other = hello(cluster.node(0))
  for (let id = 1; id <= 50; id += 1) talk(other.socket, `lock,id:${id},name:slow/${id}\n`)
  expect(watcher.socket.text).not.toContain('slow/50')
  expect(talk(watcher.socket, '.keepalive\n')).toBe('alive\n')
  watcher.socket.writableLength = 0
  cluster.world.advance(1_000)
  expect(watcher.socket.text).toMatch(/gap,id:1,at:[\d.]+\n(lock,id:1,name:slow\/.*\n){51}end,id:1,count:51\n$/)
  expect(talk(watcher.socket, 'release,id:3,name:slow/own\n')).toContain('released,id:3,name:slow/own\n')
  expect(watcher.socket.closed).toBeNull()
})

it('after a snapshot a listing shows the new state', () => {
  const cluster = startedAtLevel(FEATURE_LEVEL)
  const node = cluster.node(1)
  const holder = hello(cluster.node(0), ',lease:3600')
  const asker = hello(node, ',lease:3600')
  talk(holder.socket, 'lock,id:1,name:old\nlock,id:2,name:both\n')
  expect(talk(asker.socket, 'locks,id:1\n')).toMatch(/name:both,.*\nlock,id:1,name:old,.*\nend,id:1,count:2\n$/)
  node.cut = true
  talk(holder.socket, 'release,id:3,name:old\nlock,id:4,name:new\n')
  node.installSnapshotOf(cluster.node(0))
  node.cut = false
  cluster.world.advance(200)
  expect(talk(asker.socket, 'locks,id:2\n')).toMatch(/name:both,.*\nlock,id:2,name:new,.*\nend,id:2,count:2\n$/)
})

/** Null: it was not answered soon, for there is no leader. */
function openedAt(node: FakeNode): Opened | null {
  try {
    return hello(node, ',lease:3')
  } catch {
    return null
  }
}

/** Sessions that ask for names in all modes, give them back, go away and come back; operators break holds. */
class Crowd {
  readonly #sessions: { readonly socket: FakeSocket; readonly opened: Opened; id: number }[] = []

  constructor(
    private readonly cluster: Cluster,
    private readonly random: SeededRandom,
  ) {}

  act(): void {
    const { random, cluster } = this
    const at = random.int(6)
    const session = this.#sessions[at]
    if (session === undefined || session.socket.closed !== null) {
      const node = cluster.node(random.int(3))
      if (!node.isReachable() || node.service.stats().speakRemainingMs === 0) return
      const opened = session === undefined || random.int(2) === 0 ? openedAt(node) : session.opened
      if (opened === null) return
      const socket = opened === session?.opened ? resume(node, opened) : opened.socket
      this.#sessions[at] = { socket, opened, id: 1_000 * random.int(1_000) }
      return
    }
    session.id += 1
    const name = `${'ab'[random.int(2)]}/${random.int(8)}`
    const ask = random.pick([
      `lock,id:#,name:${name}`,
      `lock,id:#,name:${name},mode:shared,wait:2`,
      `lock,id:#,name:${name},name:a/x${random.int(3)},wait:1,holding:none`,
      `lock,id:#,name:s/${random.int(2)},limit:3,permits:${1 + random.int(2)},wait:1`,
      `lock,id:#,name:${name},min-hold:2,ttl:5`,
      `lock,id:#,name:${name},delay:1`,
      `release,id:#,name:${name}`,
      `release,id:#,name:${name}`,
      `release,id:#,name:s/${random.int(2)}`,
      '.keepalive',
    ])
    session.socket.send(`${ask.replace('#', String(session.id))},ack:${session.id - 1}\n`)
    const luck = random.int(60)
    if (luck === 0) session.socket.break()
    if (luck === 1) session.socket.send('bye\n')
  }
}

it.each([1, 2, 3, 4, 5, 6])('what a watch tells is the state, over leader changes and snapshots (seed %s)', (seed) => {
  const cluster = startedAtLevel(FEATURE_LEVEL, { seed })
  const random = new SeededRandom(seed)
  const crowd = new Crowd(cluster, random)
  const replay = new WatchReplay('1')
  const prefix = ['', 'a/', 's/'][seed % 3] ?? ''
  let socket: FakeSocket | null = null
  const watch = (): void => {
    const node = cluster.node(random.int(3))
    if (!node.isReachable() || node.service.stats().speakRemainingMs === 0) return
    socket = hello(node, ',lease:3600').socket
    socket.onText = (text) => replay.take(text)
    replay.reconnected()
    socket.send(`watch,id:1,prefix:${prefix}${replay.at === '' ? '' : `,since:${replay.at}`}\n`)
  }
  watch()
  for (let step = 0; step < 1_500; step += 1) {
    crowd.act()
    if (socket === null || (socket as FakeSocket).closed !== null) watch()
    const luck = random.int(300)
    if (luck === 0 && socket !== null) (socket as FakeSocket).break()
    if (luck === 1) cluster.elect(cluster.node(random.int(3)))
    if (luck === 2) {
      const node = cluster.node(random.int(3))
      node.cut = true
      cluster.world.advance(1_500)
      node.cut = false
      if (random.int(2) === 0) node.installSnapshotOf(cluster.node(random.int(3)))
    }
    cluster.world.advance(random.int(40))
  }
  if (socket === null || (socket as FakeSocket).closed !== null) watch()
  cluster.world.advance(30_000)
  const held = holdsOf(cluster, 0)
  expect(holdsOf(cluster, 1)).toEqual(held)
  expect([...replay.holds].toSorted()).toEqual(held.filter((hold) => hold.startsWith(prefix)))
  expect(replay.events).toBeGreaterThan(100)
})

it.each([11, 12, 13])('the index of names follows the state, whatever became of holds and places (seed %s)', (seed) => {
  const cluster = startedAtLevel(FEATURE_LEVEL, { seed })
  const random = new SeededRandom(seed)
  const crowd = new Crowd(cluster, random)
  const lister = hello(cluster.node(0), ',lease:3600')
  const classic: FakeSocket[] = []
  let id = 0
  const listedNames = (): Set<string> => {
    const names = new Set<string>()
    for (let after = ''; ; ) {
      id += 1
      const before = lister.socket.text.length
      lister.socket.send(`locks,id:${id}${after}\n`)
      cluster.world.until(() => lister.socket.text.slice(before).includes(`end,id:${id},`))
      for (const [, name = ''] of lister.socket.text.slice(before).matchAll(/lock,id:\d+,name:([^,]+)/g))
        names.add(name)
      const more = /,after:(\S+)\n$/.exec(lister.socket.text)
      if (more === null) return names
      after = `,after:${more[1]}`
    }
  }
  for (let round = 0; round < 6; round += 1) {
    for (let step = 0; step < 150; step += 1) {
      crowd.act()
      const node = cluster.node(random.int(3))
      if (node.isReachable() && random.int(3) === 0) {
        const socket = node.connect()
        socket.send(`lock,name:c/${random.int(6)},wait:${random.int(4)}\n`)
        classic.push(socket)
      }
      if (random.int(4) === 0) classic.splice(random.int(classic.length + 1), 1)[0]?.break()
      if (random.int(100) === 0) {
        const victim = cluster.node(1 + random.int(2))
        if (!victim.crashed) {
          victim.kill()
          if (cluster.leader === null) cluster.elect(cluster.node(0))
          cluster.world.after(2_000, null, () => victim.boot())
        }
      }
      cluster.world.advance(random.int(60))
    }
    cluster.world.advance(40_000)
    const state = [...cluster.node(0).machine.inspect().locks.keys()]
    expect([...listedNames()].toSorted(), `round ${round}`).toEqual(state.toSorted())
  }
})
