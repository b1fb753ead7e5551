/** Lines of both dialects as a hostile client writes them, who knows the grammar and what it was told before. */
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { damaged, freeText, nameText, numberText, secondsText } from './values.js'

/** What a client remembers of its connection: enough to be believed for a while. */
export class Memory {
  nextId = 1
  /** The highest id that a node may have taken for one: probes go above it. */
  highestId = 0
  session = ''
  secret = ''
  readonly tokens: string[] = []

  heard(text: string): void {
    for (const line of text.split('\n')) {
      const field = (key: string): string | undefined => new RegExp(`(?:^|,)${key}:([^,]*)`).exec(line)?.[1]
      if (line.startsWith('welcome')) {
        this.session = field('session') ?? ''
        this.secret = field('secret') ?? ''
      }
      const token = field('token')
      if (token !== undefined && this.tokens.push(token) > 20) this.tokens.shift()
    }
  }
}

type Values = Readonly<Record<string, (random: SeededRandom, memory: Memory) => string>>

const VALUES: Values = {
  id: (random, memory) => {
    const id = random.chance(0.8) ? String(memory.nextId++) : numberText(random)
    if (/^\d{1,16}$/.test(id) && Number(id) < 2 ** 52) memory.highestId = Math.max(memory.highestId, Number(id))
    return id
  },
  ack: (random, memory) => (random.chance(0.7) ? String(random.int(memory.nextId)) : numberText(random)),
  request: (random, memory) => (random.chance(0.6) ? String(random.int(memory.nextId + 1)) : numberText(random)),
  token: (random, memory) => (random.chance(0.6) ? random.pick([...memory.tokens, '0']) : numberText(random)),
  name: (random) => nameText(random),
  wait: (random) => (random.chance(0.2) ? 'forever' : secondsText(random)),
  delay: secondsText,
  'min-hold': secondsText,
  ttl: secondsText,
  lease: (random) => (random.chance(0.7) ? random.pick(['3', '4', '10']) : secondsText(random)),
  linger: secondsText,
  meta: freeText,
  mode: (random) => random.pick(['exclusive', 'shared', 'Shared', '', 'none']),
  // Mostly such that two requests mean the same semaphore.
  limit: (random) => (random.chance(0.7) ? random.pick(['2', '3', '3']) : numberText(random)),
  permits: (random) => (random.chance(0.7) ? random.pick(['1', '2', '3', '4']) : numberText(random)),
  loose: (random) => random.pick(['yes', 'no', '']),
  once: nameText,
  key: nameText,
  until: (random) => (random.chance(0.5) ? String(random.int(100)) : numberText(random)),
  reset: (random) => random.pick(['yes', 'no', '']),
  'once-ttl': secondsText,
  holding: (random, memory) =>
    random.pick(['all', 'none', '', `${nameText(random)}@${random.pick([...memory.tokens, '0'])}`]),
  done: (random) => random.pick(['yes', 'no', 'maybe']),
  version: (random) => (random.chance(0.9) ? '2' : numberText(random)),
  'client-id': (random) => (random.chance(0.8) ? random.pick(['me', 'a@b.c', 'x'.repeat(255)]) : freeText(random)),
  redirect: (random) => random.pick(['no', 'no', 'no', 'yes', 'perhaps']),
  from: (random) =>
    random.pick([
      'unknown',
      '127.0.0.1:40000',
      '[::1]:40000',
      '[::ffff:127.0.0.1]:40000',
      '1.2.3.4',
      ':',
      '[',
      'h:99999',
    ]),
  attempt: (random) => (random.chance(0.5) ? String(1 + random.int(5)) : numberText(random)),
  session: (random, memory) => (random.chance(0.8) ? memory.session : numberText(random)),
  secret: (random, memory) => (random.chance(0.9) ? memory.secret : freeText(random)),
  auth: (random) => (random.chance(0.85) ? `token-of-${random.pick(['all', 'all', 'some'])}` : freeText(random)),
  fence: (random) => random.pick(['yes', 'no', '']),
  prefix: nameText,
  match: (random) => random.pick(['.*', '(', '[a-', '(a*)*b', '\\d', 'a{1000000}', '']),
  after: (random) => `${nameText(random)}@${numberText(random)}`,
  since: (random) => `${numberText(random)}.${numberText(random)}`,
  node: (random) => random.pick(['n1', 'n2', 'n9', '', '__proto__', 'x'.repeat(300)]),
  peer: (random) => random.pick(['127.0.0.1:1', '0.0.0.0:1', 'h', ':', '[::1]:65536', 'h:-1']),
  reason: freeText,
  now: (random) => random.pick(['yes', 'no']),
}
const KEYS = Object.keys(VALUES)

interface Action {
  readonly weight: number
  readonly always: readonly string[]
  readonly often: readonly string[]
}

/** Weights: locks and releases make the state in which the others are interesting. */
const SESSION_ACTIONS: Readonly<Record<string, Action>> = {
  lock: {
    weight: 30,
    always: ['id', 'name'],
    often: [
      ...['wait', 'delay', 'meta', 'ack', 'mode', 'limit', 'permits', 'name', 'holding', 'holding'],
      ...['ttl', 'loose', 'min-hold', 'once', 'once-ttl'],
    ],
  },
  release: { weight: 14, always: ['id', 'name'], often: ['token', 'ack', 'done'] },
  unlock: { weight: 2, always: ['id', 'name'], often: ['token', 'session', 'secret'] },
  cancel: { weight: 10, always: ['id', 'request'], often: ['ack'] },
  check: { weight: 2, always: ['id', 'name', 'token'], often: ['ack'] },
  locks: { weight: 1, always: ['id'], often: ['prefix', 'match', 'after'] },
  who: { weight: 1, always: ['id', 'name'], often: [] },
  why: { weight: 1, always: ['id', 'name'], often: [] },
  history: { weight: 1, always: ['id', 'name'], often: [] },
  sessions: { weight: 1, always: ['id'], often: [] },
  watch: { weight: 2, always: ['id'], often: ['name', 'prefix', 'since'] },
  '.keepalive': { weight: 6, always: [], often: ['ack', 'id'] },
  bye: { weight: 1, always: [], often: ['ack'] },
  hello: { weight: 1, always: ['version'], often: ['lease'] },
  resume: { weight: 1, always: ['session', 'secret'], often: ['attempt', 'from'] },
  '.members': { weight: 1, always: [], often: ['id'] },
  '.member-add': { weight: 1, always: ['node', 'peer'], often: ['id'] },
  '.member-promote': { weight: 1, always: ['node'], often: ['id'] },
  '.transfer': { weight: 1, always: ['node'], often: ['id'] },
  '.force-release': { weight: 3, always: ['id', 'name', 'token', 'reason'], often: ['now'] },
  '.resize': { weight: 2, always: ['id', 'name'], often: ['limit', 'limit', 'limit', 'reset'] },
  '.freeze': { weight: 1, always: ['id', 'prefix', 'reason'], often: ['until'] },
  '.thaw': { weight: 2, always: ['id', 'prefix'], often: [] },
  '.forget': { weight: 1, always: ['id', 'key'], often: [] },
}
const CLASSIC_ACTIONS: Readonly<Record<string, Action>> = {
  lock: {
    weight: 20,
    always: ['name'],
    often: ['client-id', 'wait', 'fence', 'redirect', 'mode', 'limit', 'permits', 'auth'],
  },
  release: { weight: 6, always: [], often: ['name'] },
  '.keepalive': { weight: 6, always: [], often: [] },
  '.ping': { weight: 1, always: [], often: [] },
  '.stats': { weight: 1, always: [], often: ['auth'] },
  '.server-shutdown': { weight: 1, always: [], often: [] },
  check: { weight: 1, always: ['name', 'token'], often: ['id'] },
  unlock: { weight: 1, always: ['name'], often: ['token'] },
  nonsense: { weight: 1, always: [], often: ['name'] },
}

function pickAction(random: SeededRandom, actions: Readonly<Record<string, Action>>): [string, Action] {
  const all = Object.entries(actions)
  let at = random.int(all.reduce((sum, [, { weight }]) => sum + weight, 0))
  for (const entry of all) {
    at -= entry[1].weight
    if (at < 0) return entry
  }
  throw new Error('no action')
}

function pair(random: SeededRandom, memory: Memory, key: string): string {
  const value = (VALUES[key] ?? freeText)(random, memory)
  if (random.chance(0.02))
    return random.pick([key, `${key}:`, `:${value}`, '', `${key} : ${value} `, `${key}:${value}:x`])
  return `${key}:${value}`
}

function compose(random: SeededRandom, memory: Memory, name: string, { always, often }: Action): string {
  const keys = always.filter(() => random.chance(0.97))
  for (const key of often) if (random.chance(0.2)) keys.push(key)
  if (random.chance(0.05)) keys.push(random.pick(KEYS))
  const action = random.chance(0.01) ? random.pick([name.toUpperCase(), ` ${name} `, `${name}x`, '']) : name
  return [action, ...keys.map((key) => pair(random, memory, key))].join(',')
}

export function openingLine(random: SeededRandom, memory: Memory): string {
  if (memory.session !== '' && random.chance(0.7)) {
    return compose(random, memory, 'resume', { weight: 0, always: ['session', 'secret'], often: ['attempt', 'from'] })
  }
  const often = ['lease', 'linger', 'client-id', 'from', 'auth']
  return compose(random, memory, 'hello', { weight: 0, always: ['version', 'redirect'], often })
}

const LEASE_MIN_S = 3
const LASTING = /\b(lease|linger|ttl|min-hold|delay):(\d+)\b/g
/** Of `ttl`: more of any of these is refused. */
const LASTING_MAX_S = 30 * 86_400

/** The same, but what it makes outlives its connection by so much at most: without a word in it sessions last longer, too. */
export function endingSoon(line: string, mostSeconds: number): string {
  const said = line.replace(LASTING, (whole, key: string, seconds: string) =>
    Number(seconds) > mostSeconds && Number(seconds) <= LASTING_MAX_S ? `${key}:${mostSeconds}` : whole,
  )
  return said.startsWith('hello,') && !said.includes(',lease') ? `${said},lease:${LEASE_MIN_S}` : said
}

const OWN_ASKS = [
  ...[
    '@shared',
    '@exclusive',
    '@1/3',
    '@2/3',
    '@3/3',
    '@4/3',
    '@',
    '@@',
    '@Shared',
    '@0/3',
    '@1/0',
    '@1',
    '@1/',
    '@/3',
  ],
  ...['@1/3/5', '@-1/3', '@1.5/3', '@9999999999999999/9999999999999999', '@1000000/1000000', '@1000001/1000001'],
]

/** A request for several names: mostly few, now and then as many as there may be, and one more; some of them twice. */
function severalNames(random: SeededRandom, memory: Memory): string {
  const count = random.chance(0.8) ? 2 + random.int(4) : random.pick([63, 64, 65, 66, 200])
  const stem = random.pick(['', 'm/', 'm/', 'n'.repeat(250)])
  const names = Array.from({ length: count }, (_, at) => {
    const name = random.chance(0.1) ? nameText(random) : `${stem}${at}`
    return `name:${name}${random.chance(0.4) ? random.pick(OWN_ASKS) : ''}`
  })
  const action = { weight: 0, always: ['id'], often: ['wait', 'mode', 'limit', 'holding', 'ttl', 'meta', 'ack'] }
  return [compose(random, memory, 'lock', action), ...names].join(',')
}

export function sessionLine(random: SeededRandom, memory: Memory): string {
  if (random.chance(0.08)) return severalNames(random, memory)
  return compose(random, memory, ...pickAction(random, SESSION_ACTIONS))
}

export function classicLine(random: SeededRandom, memory: Memory): string {
  return compose(random, memory, ...pickAction(random, CLASSIC_ACTIONS))
}

const encoder = new TextEncoder()

/** As a line of so many bytes, if it is not longer. */
function padded(line: string, bytes: number): string {
  return `${line},x:${'y'.repeat(Math.max(0, bytes - encoder.encode(line).length - 3))}`
}

/** The bytes of a line: now and then not as a line should be. `spoilt`: the node need not take it for a line at all. */
export function bytesOf(random: SeededRandom, line: string): Uint8Array {
  const end = random.chance(0.1) ? '\r\n' : '\n'
  if (random.chance(0.97)) return encoder.encode(line + end)
  switch (random.int(5)) {
    case 0:
      return damaged(random, encoder.encode(line + end))
    case 1:
      return Uint8Array.from([
        ...encoder.encode(line),
        ...random.pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80]]),
        0x0a,
      ])
    case 2:
      return encoder.encode(`${padded(line, random.pick([4_095, 4_096, 4_097, 32_767, 32_768, 32_769]))}${end}`)
    case 3:
      return encoder.encode(
        random.pick(['\n', '\r\n', '\r\r\n', ',\n', ':\n', ',:\n', '\0\n', `${line}\0\n`, `\u007f${end}`]),
      )
    default:
      return encoder.encode(line)
  }
}
