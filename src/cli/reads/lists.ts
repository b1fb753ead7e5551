/** `tnl locks`, `tnl sessions`, `tnl once list`: what there is, page after page. */
import type { HostPort } from '../../address.js'
import { escapeValue, type Line, parseLine } from '../../protocol/line.js'
import { formatTable } from '../shared/table.js'
import { askInfo, asking, nextOf } from './asking.js'

type Endpoints = readonly HostPort[]

export interface LocksOptions {
  readonly prefix?: string
  readonly match?: string
  readonly json?: boolean
}

const KEYS = [
  ...['name', 'mode', 'permits', 'limit', 'state', 'token'],
  ...['holder', 'session', 'held-for', 'waiters', 'meta'],
] as const

export async function listLocks(endpoints: Endpoints, { prefix, match, json }: LocksOptions): Promise<void> {
  const found = await asking(endpoints, async (client) => {
    const lines: Line[] = []
    const filter = [...key('prefix', prefix), ...key('match', match)].join('')
    for (let id = 1, after = ''; ; id += 1) {
      client.send(`locks,id:${id}${filter}${after}`)
      for (;;) {
        const line = parseLine(await nextOf(client, id))
        if (line?.action === 'lock') lines.push(line)
        if (line?.action !== 'end') continue
        const last = line.get('after')
        if (last === undefined) return lines
        after = `,after:${last}`
        break
      }
    }
  })
  if (json === true) {
    process.stdout.write(
      `${JSON.stringify(found.map((line) => Object.fromEntries(KEYS.map((k) => [k, fieldValue(line, k)]))))}\n`,
    )
    return
  }
  const rows = found.map((line) => [
    line.get('name') ?? '',
    modeWords(line),
    line.get('state') ?? '',
    line.get('holder') ?? '',
    line.get('token') ?? '',
    `${line.get('held-for')} s`,
    line.get('waiters') ?? '',
    line.get('meta') ?? '',
  ])
  const head = ['NAME', 'MODE', 'STATE', 'HOLDER', 'TOKEN', 'SINCE', 'WAITING', 'META']
  process.stdout.write(`${formatTable([head, ...rows])}\n`)
}

const key = (name: string, value: string | undefined): string[] =>
  value === undefined ? [] : [`,${name}:${escapeValue(value)}`]

const NUMBERS: ReadonlySet<string> = new Set(['permits', 'limit', 'token', 'session', 'held-for', 'waiters'])

function fieldValue(line: Line, name: string): string | number {
  const text = line.get(name) ?? ''
  return NUMBERS.has(name) ? Number(text) : text
}

function modeWords(line: Line): string {
  const mode = line.get('mode') ?? ''
  return mode === 'permits' ? `${line.get('permits')}/${line.get('limit')}` : mode
}

export interface SessionJson {
  readonly session: number
  readonly client?: string
  readonly node?: string
  readonly classic?: boolean
  readonly lease?: number
  readonly linger?: number
  readonly left?: number
  readonly holds: number
  readonly places: number
}

export async function listSessions(endpoints: Endpoints, asJson: boolean): Promise<void> {
  const all: SessionJson[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: { readonly sessions: readonly SessionJson[]; readonly after?: number } = await askInfo(
      endpoints,
      `sessions,after:${after}`,
    )
    all.push(...page.sessions)
    after = page.after
  }
  if (asJson) process.stdout.write(`${JSON.stringify(all)}\n`)
  else
    process.stdout.write(
      `${formatTable([['SESSION', 'CLIENT', 'WHERE', 'LEASE', 'HOLDS', 'WAITS'], ...all.map(sessionRow)])}\n`,
    )
}

function sessionRow({ session, client, node, classic, lease, left, holds, places }: SessionJson): string[] {
  const where = node ?? `away, ${left ?? 0} s left`
  return [
    String(session),
    client ?? '',
    where,
    classic === true ? 'classic' : `${lease} s`,
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

export async function listMarks(endpoints: Endpoints, asJson: boolean): Promise<void> {
  const all: MarkJson[] = []
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const request: string = after === null ? 'marks' : `marks,after:${escapeValue(after)}`
    const page: { readonly marks: readonly MarkJson[]; readonly after?: string } = await askInfo(endpoints, request)
    all.push(...page.marks)
    after = page.after
  }
  if (asJson) process.stdout.write(`${JSON.stringify(all)}\n`)
  else {
    const rows = all.map(({ key: name, since, holder, until }) => [
      name,
      timeOf(since),
      holder,
      until === undefined ? 'for ever' : timeOf(until),
    ])
    process.stdout.write(`${formatTable([['KEY', 'DONE', 'BY', 'UNTIL'], ...rows])}\n`)
  }
}

export const timeOf = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString()
