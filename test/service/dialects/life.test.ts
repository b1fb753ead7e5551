/** The life of a connection, phase by phase and event by event: what the tables say, and what a client sees of it. */
import { describe, expect, it } from 'vitest'
import { CLASSIC_LIFE } from '../../../src/service/dialects/classic-life.js'
import { SESSION_LIFE } from '../../../src/service/dialects/session-life.js'
import type { Cluster } from '../kit/cluster.js'
import { hello, resume, started, talk } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

describe.each<[string, Readonly<Record<string, { readonly next: readonly string[] }>>]>([
  ['session', SESSION_LIFE],
  ['classic', CLASSIC_LIFE],
])('the table of the %s dialect', (_, life) => {
  it('leads from everywhere to the end, and from there nowhere', () => {
    for (const [phase, { next }] of Object.entries(life)) {
      if (phase === 'closed') expect(next).toEqual([])
      else expect(next, phase).toContain('closed')
    }
  })

  it('has no phase that nothing leads to', () => {
    const met = new Set(['fresh'])
    for (const phase of met) for (const next of life[phase]?.next ?? []) met.add(next)
    expect([...met].sort()).toEqual(Object.keys(life).sort())
  })
})

const EVENTS = ['.keepalive', ',,', 'juggle', 'too long', 'FIN', 'RST'] as const
type Seen = Readonly<Record<(typeof EVENTS)[number], string>>

/** What the client sees at once, and whether its session or lock is there (+) or not (-) when all is decided. */
function happens(cluster: Cluster, socket: FakeSocket, event: (typeof EVENTS)[number], isThere: () => boolean): string {
  const before = socket.text.length
  if (event === 'FIN') socket.fin()
  else if (event === 'RST') socket.break()
  else socket.send(`${event === 'too long' ? 'x'.repeat(40_000) : event}\n`)
  cluster.world.advance(20)
  const seen = socket.text
    .slice(before)
    .replace(/,message:\S*/g, '')
    .replaceAll('\n', ' ')
  const closed = socket.closed === null ? '' : `(${socket.closed}) `
  cluster.elect(cluster.node(0))
  cluster.world.advance(2_500)
  return `${seen}${closed}${isThere() ? '+' : '-'}`
}

const each = (phases: Readonly<Record<string, Seen>>) =>
  Object.entries(phases).flatMap(([phase, seen]) => EVENTS.map((event) => [phase, event, seen[event]] as const))

describe('a connection of the session dialect', () => {
  /** Brings about each phase, with a lock held where that is possible. From `opening` on nothing is decided. */
  const begin: Readonly<Record<string, (cluster: Cluster) => FakeSocket>> = {
    opening: (cluster) => {
      cluster.elect(null)
      const socket = cluster.node(1).connect()
      talk(socket, 'hello,version:2,redirect:no\n')
      return socket
    },
    resuming: (cluster) => {
      const one = hello(cluster.node(2))
      talk(one.socket, 'lock,id:1,name:f\n')
      cluster.elect(null)
      return resume(cluster.node(1), one)
    },
    open: (cluster) => {
      const { socket } = hello(cluster.node(1))
      talk(socket, 'lock,id:1,name:f\n')
      cluster.elect(null)
      return socket
    },
    parting: (cluster) => {
      const { socket } = hello(cluster.node(1))
      cluster.elect(null)
      talk(socket, 'lock,id:1,name:f\nbye\n')
      return socket
    },
    leaving: (cluster) => {
      const { socket } = hello(cluster.node(1))
      cluster.elect(null)
      talk(socket, 'bye\n')
      return socket
    },
  }

  it.each(
    each({
      opening: {
        '.keepalive': '+',
        ',,': 'err,code:bad-request (end) -',
        juggle: 'err,code:bad-request (end) -',
        'too long': 'err,line too long (end) -',
        FIN: '(end) -',
        RST: '(reset) -',
      },
      resuming: {
        '.keepalive': '+',
        ',,': '+',
        juggle: '+',
        'too long': 'err,line too long (end) +',
        FIN: '+',
        RST: '(reset) +',
      },
      open: {
        '.keepalive': 'alive +',
        ',,': 'err,code:bad-request +',
        juggle: 'err,code:bad-request +',
        'too long': 'err,line too long (end) +',
        FIN: '(end) -',
        RST: '(reset) +',
      },
      // `bye` was said: nothing that happens to the connection takes it back, and nothing more is asked.
      parting: {
        '.keepalive': '-',
        ',,': '-',
        juggle: '-',
        'too long': 'err,line too long (end) -',
        FIN: '-',
        RST: '(reset) -',
      },
      leaving: {
        '.keepalive': '-',
        ',,': '-',
        juggle: '-',
        'too long': 'err,line too long (end) -',
        FIN: '-',
        RST: '(reset) -',
      },
    }),
  )('that is %s: %s → %s', (phase, event, seen) => {
    const cluster = started()
    const socket = begin[phase]?.(cluster)
    if (socket === undefined) throw new Error(`no way to ${phase}`)
    expect(happens(cluster, socket, event, () => cluster.node(0).machine.sessionCount > 0)).toBe(seen)
  })
})

describe('a classic connection', () => {
  const begin: Readonly<Record<string, (cluster: Cluster, socket: FakeSocket) => void>> = {
    asking: (cluster, socket) => {
      cluster.elect(null)
      talk(socket, 'lock,name:x,client-id:me\n')
    },
    waiting: (cluster, socket) => {
      talk(cluster.node(2).connect(), 'lock,name:x\n')
      talk(socket, 'lock,name:x,client-id:me,wait:forever\n')
      cluster.elect(null)
    },
    holding: (cluster, socket) => {
      talk(socket, 'lock,name:x,client-id:me\n')
      cluster.elect(null)
    },
    leaving: (cluster, socket) => {
      talk(socket, 'lock,name:x,client-id:me\n')
      cluster.elect(null)
      talk(socket, 'release\n')
    },
  }
  const bad = { ',,': 'bad-action +', juggle: 'bad-action +' }
  const gone = { 'too long': 'err,line too long (end) -', RST: '(reset) -' }

  it.each(
    each({
      asking: { '.keepalive': '+', ',,': '+', juggle: '+', FIN: '-', ...gone },
      waiting: { '.keepalive': 'alive +', ...bad, FIN: '(end) -', ...gone },
      holding: { '.keepalive': 'alive +', ...bad, FIN: '(end) -', ...gone },
      leaving: { '.keepalive': '-', ',,': '-', juggle: '-', FIN: '-', ...gone },
    }),
  )('that is %s: %s → %s', (phase, event, seen) => {
    const cluster = started()
    const socket = cluster.node(1).connect()
    begin[phase]?.(cluster, socket)
    const isThere = (): boolean => {
      const holder = cluster.node(0).machine.holder('x')
      return phase === 'waiting' ? (holder?.waiters ?? 0) > 0 : holder !== null
    }
    expect(happens(cluster, socket, event, isThere)).toBe(seen)
  })
})

it('whoever holds by a classic connection is counted as long as it does', () => {
  const cluster = started()
  const node = cluster.node(1)
  const count = (): number => node.service.stats().classicHolding
  const sockets = ['a', 'b', 'c', 'd'].map((name) => {
    const socket = node.connect()
    talk(socket, `lock,name:${name}\n`)
    return socket
  })
  const waiter = node.connect()
  talk(waiter, 'lock,name:a,wait:forever\n')
  expect(count()).toBe(4)
  talk(sockets[1] as FakeSocket, 'release\n')
  sockets[2]?.fin()
  sockets[3]?.break()
  cluster.world.advance(20)
  expect(count()).toBe(1)
  talk(sockets[0] as FakeSocket, 'release\n')
  expect(waiter.text).toBe('ok\n')
  expect(count()).toBe(1)
  waiter.fin()
  cluster.world.advance(20)
  expect(count()).toBe(0)
})
