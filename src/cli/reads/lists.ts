/** `tnl locks`, `tnl sessions`, `tnl once list`: what there is, page after page; nothing is kept of a page that was shown. */

import { escapeValue, type Line, parseLine } from '../../protocol/line.js'
import { isNamePrefix } from '../../protocol/values.js'
import { ageWords } from '../../service/reads/durations.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { PagedTable } from '../shared/table.js'
import { shown } from '../shared/terminal-text.js'
import { askInfo, asking, nextOf } from './asking.js'
import { modeWords, seconds, timeOf, usageError } from './values.js'

export interface LocksOptions {
  readonly prefix?: string
  readonly match?: string
  /** Only names that somebody waits for. */
  readonly contended?: boolean
  readonly json?: boolean
}

const KEYS = [
  ...['name', 'mode', 'permits', 'limit', 'state', 'token'],
  ...['holder', 'session', 'held-for', 'waiters', 'meta'],
] as const

export async function listLocks(access: ClusterAccess, options: LocksOptions): Promise<void> {
  const { prefix, match, contended, json } = options
  if (prefix !== undefined && !isNamePrefix(prefix)) {
    throw usageError(`--prefix '${shown(prefix)}': no lock name begins like that`)
  }
  const filter = [...key('prefix', prefix), ...key('match', match)].join('')
  const printer = json === true ? new JsonPrinter(lockJson) : new TablePrinter(LOCKS_HEAD, [0, 3, 7], lockRow)
  let after = ''
  await asking(access, async (client) => {
    for (let id = 1; ; id += 1) {
      client.send(`locks,id:${id}${filter}${after === '' ? '' : `,after:${after}`}`)
      const page: Line[] = []
      let end: Line | null = null
      while (end === null) {
        const line = parseLine(await nextOf(client, id))
        if (line?.action === 'lock' && (contended !== true || line.get('waiters') !== '0')) page.push(line)
        if (line?.action === 'end') end = line
      }
      after = end.get('after') ?? ''
      printer.page(page)
      if (after === '') return
    }
  })
  printer.end()
}

/** What was printed stays printed: where an endpoint gives up in the middle, the next one goes on behind it. */
interface Printer<T> {
  page(items: readonly T[]): void
  end(): void
}

class TablePrinter<T> implements Printer<T> {
  readonly #table: PagedTable

  constructor(
    head: readonly string[],
    mayCut: readonly number[],
    private readonly row: (item: T) => string[],
  ) {
    this.#table = new PagedTable(head, { mayCut })
  }

  page(items: readonly T[]): void {
    process.stdout.write(this.#table.page(items.map(this.row)))
  }

  end(): void {}
}

/** An array, an item a line. */
class JsonPrinter<T> implements Printer<T> {
  #isBegun = false

  constructor(private readonly json: (item: T) => object) {}

  page(items: readonly T[]): void {
    for (const item of items) {
      process.stdout.write(`${this.#isBegun ? ',\n' : '['}${JSON.stringify(this.json(item))}`)
      this.#isBegun = true
    }
  }

  end(): void {
    process.stdout.write(this.#isBegun ? ']\n' : '[]\n')
  }
}

const LOCKS_HEAD = ['NAME', 'MODE', 'STATE', 'HOLDER', 'TOKEN', 'HELD', 'WAIT', 'META']
const lockJson = (line: Line): object => Object.fromEntries(KEYS.map((name) => [name, fieldValue(line, name)]))

function lockRow(line: Line): string[] {
  const [name, state, holder, token, waiters, meta] = ['name', 'state', 'holder', 'token', 'waiters', 'meta'].map(
    (field) => line.get(field) ?? '',
  ) as [string, string, string, string, string, string]
  const mode = { mode: line.get('mode') ?? '', permits: line.number('permits') ?? 0, limit: line.number('limit') ?? 0 }
  const heldFor = ageWords(seconds(Number(line.get('held-for') ?? 0)))
  return [
    name,
    modeWords(mode),
    state,
    holder === '' ? '-' : holder,
    token === '0' ? '-' : token,
    heldFor,
    waiters,
    shown(meta),
  ]
}

const key = (name: string, value: string | undefined): string[] =>
  value === undefined ? [] : [`,${name}:${escapeValue(value)}`]

const NUMBERS: ReadonlySet<string> = new Set(['permits', 'limit', 'token', 'session', 'held-for', 'waiters'])

function fieldValue(line: Line, name: string): string | number {
  const text = line.get(name) ?? ''
  return NUMBERS.has(name) ? Number(text) : text
}

export interface SessionJson {
  readonly session: number
  readonly client?: string
  /** With an auth file: whose it is. */
  readonly identity?: string
  readonly node?: string
  readonly classic?: boolean
  readonly lease?: number
  readonly linger?: number
  readonly left?: number
  readonly holds: number
  readonly places: number
}

export async function listSessions(access: ClusterAccess, asJson: boolean): Promise<void> {
  const head = ['SESSION', 'CLIENT', 'WHERE', 'LEASE', 'HOLDS', 'WAITS']
  const printer = asJson
    ? new JsonPrinter<SessionJson>((session) => session)
    : new TablePrinter(head, [1, 2], sessionRow)
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: { readonly sessions: readonly SessionJson[]; readonly after?: number } = await askInfo(
      access,
      `sessions,after:${after}`,
    )
    printer.page(page.sessions)
    after = page.after
  }
  printer.end()
}

function sessionRow({ session, client, node, classic, lease = 0, left = 0, holds, places }: SessionJson): string[] {
  return [
    String(session),
    client ?? '-',
    node ?? `away, ${ageWords(seconds(left))} left`,
    classic === true ? 'classic' : ageWords(seconds(lease)),
    String(holds),
    String(places),
  ]
}

export interface MarkJson {
  readonly key: string
  readonly since: number
  readonly holder: string
  readonly until?: number
}

export async function listMarks(access: ClusterAccess, asJson: boolean): Promise<void> {
  const printer = asJson
    ? new JsonPrinter<MarkJson>((mark) => mark)
    : new TablePrinter(['KEY', 'DONE', 'BY', 'UNTIL'], [0, 2], markRow)
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const request: string = after === null ? 'marks' : `marks,after:${escapeValue(after)}`
    const page: { readonly marks: readonly MarkJson[]; readonly after?: string } = await askInfo(access, request)
    printer.page(page.marks)
    after = page.after
  }
  printer.end()
}

const markRow = ({ key: name, since, holder, until }: MarkJson): string[] => [
  name,
  timeOf(since),
  holder,
  until === undefined ? 'for ever' : timeOf(until),
]
