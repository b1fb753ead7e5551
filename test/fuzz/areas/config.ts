/** Words, variables and files of tnl-server, and words and variables of tnl-do: read, or refused with a word for the user. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { parseServerConfig } from '../../../src/server/config/config.js'
import { OPTIONS } from '../../../src/server/config/options.js'
import { UsageError } from '../../../src/server/exit-codes.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Area, Finding, Trail } from '../area.js'
import { damaged, freeText, nameText, secondsText, numberText as wildNumberText } from '../values.js'
import { tryAuthText } from './auth-text.js'

const INPUTS = 200
const HOSTS = [
  'localhost',
  '127.0.0.1',
  '0.0.0.0',
  '::1',
  '[::1]',
  '[::]',
  '[',
  ']',
  '[::1',
  'h',
  '',
  '*',
  'a b',
  '٣',
  'x'.repeat(300),
]
const NODE_IDS = ['n1', 'n2', 'n3', '', '.', '-', 'n 1', 'n1=', '__proto__', 'x'.repeat(65)]

/** Without the one word that a message of ours must not hold by itself. */
const numberText = (random: SeededRandom) => wildNumberText(random).replace('undefined', 'nothing')

function address(random: SeededRandom): string {
  const host = random.pick(HOSTS)
  return random.chance(0.3) ? host : `${host}:${random.chance(0.5) ? 1_024 + random.int(60_000) : numberText(random)}`
}

function members(random: SeededRandom): string {
  const members = Array.from({ length: random.int(5) }, () => `${random.pick(NODE_IDS)}=${address(random)}`)
  return members.join(random.pick([',', ',', ', ', ' ', ',,']))
}

function value(random: SeededRandom, name: string): string {
  if (random.chance(0.2)) return random.pick([freeText(random), nameText(random), numberText(random)])
  if (/^(listen|advertise|peer-listen|http)$/.test(name)) return address(random)
  if (name === 'cluster') return members(random)
  if (name === 'node-id') return random.pick(NODE_IDS)
  if (/lease|timeout|heartbeat/.test(name)) return secondsText(random).replace('undefined', 'nothing')
  if (/max|port/.test(name)) return numberText(random)
  return random.pick(['on', 'off', 'yes', 'no', 'true', 'false', '1', '0', 'serve', 'redirect', 'info', '', 'x'])
}

class Case {
  readonly #random: SeededRandom
  readonly #trail = new Trail(3)
  readonly #dir = mkdtempSync(join(tmpdir(), 'tnl-fuzz-'))

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  run(): number {
    try {
      for (let input = 0; input < INPUTS; input++) {
        this.#server()
        this.#endpoints()
        this.#auth()
      }
    } finally {
      rmSync(this.#dir, { recursive: true })
    }
    return 3 * INPUTS
  }

  #server(): void {
    const random = this.#random
    const names = OPTIONS.map(({ name }): string => name)
    const draw = () => Array.from({ length: random.int(4) }, () => random.pick(names))
    const words = draw().flatMap((name) => (random.chance(0.1) ? [`--${name}`] : [`--${name}`, value(random, name)]))
    const variables = draw().map((name) => [`TNL_${name.toUpperCase().replaceAll('-', '_')}`, value(random, name)])
    if (random.chance(0.5)) words.push('--config', this.#file(draw()))
    if (random.chance(0.1)) words.push(random.pick([freeText(random), '--', '-', '--=', '--nonsense', '-h1']))
    const environment = Object.fromEntries(variables)
    this.#trail.add(JSON.stringify({ words, environment }))
    try {
      const parsed = parseServerConfig(words, environment)
      if (parsed.kind === 'run') this.#check(parsed.config)
    } catch (error) {
      this.#refused(error, error instanceof UsageError)
    }
  }

  #file(names: readonly string[]): string {
    const random = this.#random
    const file = join(this.#dir, 'tnl.yml')
    const odd = [
      '{',
      '- a',
      '&a [*a]',
      '!!js/function x',
      '\t',
      '? ',
      'a: &x 1\nb: *x',
      '<<: {a: 1}',
      '2026-01-01',
      '"',
      '...',
      '~',
    ]
    const lines = names.map((name) => `${name}: ${random.chance(0.2) ? random.pick(odd) : value(random, name)}`)
    if (random.chance(0.2)) lines.push(random.pick(odd))
    const text = Buffer.from(`${lines.join('\n')}\n`)
    const bytes = random.chance(0.2) ? damaged(random, text) : text
    writeFileSync(file, bytes)
    this.#trail.add(Buffer.from(bytes).toString('latin1'))
    return random.chance(0.02) ? this.#dir : file
  }

  #check(config: object): void {
    for (const [key, found] of Object.entries(config)) {
      if (typeof found === 'number' && !(Number.isSafeInteger(found) && found >= 0)) {
        throw new Finding(`${key} became ${found}`, this.#trail.lines)
      }
      const { port } = Object(found) as { port?: unknown }
      if (port !== undefined && !(Number.isInteger(port) && Number(port) >= 0 && Number(port) <= 65_535)) {
        throw new Finding(`${key} has port ${port}`, this.#trail.lines)
      }
    }
  }

  #endpoints(): void {
    const random = this.#random
    const text = Array.from({ length: random.int(4) }, () => address(random)).join(random.pick([',', ', ', ';']))
    this.#trail.add(`endpoints ${JSON.stringify(text)}`)
    try {
      const found = parseEndpoints(text)
      for (const endpoint of found) this.#check({ endpoint })
    } catch (error) {
      this.#refused(error, error instanceof Error && 'code' in error && error.message !== '')
    }
  }

  #auth(): void {
    const { text, complaint } = tryAuthText(this.#random)
    this.#trail.add(text)
    if (complaint !== null) throw new Finding(`auth file: ${complaint}`, this.#trail.lines)
  }

  /** A refusal has words for the user, on one screen, and no stack of ours behind it. */
  #refused(error: unknown, isRefusal: boolean): void {
    if (isRefusal && !/undefined|\[object/.test((error as Error).message)) return
    throw new Finding(`refused with ${String(error)}`, this.#trail.lines, { cause: error })
  }
}

export const config: Area = {
  name: 'config',
  what: 'words, variables, YAML files and auth files of tnl-server, and lists of endpoints',
  through: 'files',
  play: (seed) => new Case(seed).run(),
}
