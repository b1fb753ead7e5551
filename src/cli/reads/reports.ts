/** `tnl who`, `tnl why`, `tnl history` of one name. */
import type { HostPort } from '../../address.js'
import { isLockName } from '../../protocol/values.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { formatTable } from '../shared/table.js'
import { askInfo } from './asking.js'
import { timeOf } from './lists.js'

type Endpoints = readonly HostPort[]

interface HoldJson {
  readonly token: number
  readonly mode: string
  readonly permits?: number
  readonly state: string
  readonly holder?: string
  readonly heldFor: number
  readonly endsWithin?: number
  readonly meta?: string
}

interface PlaceJson {
  readonly position: number
  readonly mode: string
  readonly permits?: number
  readonly holder: string
  readonly waitedFor: number
  readonly wait: number | 'forever'
}

interface WhoJson {
  readonly name: string
  readonly kind: string
  readonly state: string
  readonly limit?: number
  readonly pinned?: number
  readonly frozen?: readonly { readonly prefix: string; readonly reason: string; readonly until?: number }[]
  readonly holds: readonly HoldJson[]
  readonly holdCount: number
  readonly waiting: readonly PlaceJson[]
  readonly waiterCount: number
}

export async function showWho(endpoints: Endpoints, name: string, asJson: boolean): Promise<void> {
  const report = await askInfo<WhoJson>(endpoints, `who,name:${checked(name)}`)
  process.stdout.write(asJson ? `${JSON.stringify(report, null, 2)}\n` : `${whoText(report)}\n`)
}

function whoText(report: WhoJson): string {
  const { name, kind, state, limit, pinned, frozen = [], holds, holdCount, waiting, waiterCount } = report
  const what = kind === 'semaphore' ? `a semaphore, limit ${limit}` : kind === 'plain' ? 'a lock' : 'free'
  const reserved = state === 'reserved' ? `, reserved for ${waiting[0]?.holder}, who waits for another name too` : ''
  const pin = pinned === undefined ? '' : `, limit pinned to ${pinned}`
  const lines = [`${name}: ${what}${reserved}${pin}`]
  for (const { prefix, reason, until } of frozen) {
    lines.push(`frozen ('${prefix}')${until === undefined ? '' : ` until ${timeOf(until)}`}: ${reason}`)
  }
  if (holdCount > 0) {
    const rows = holds.map((hold) => [
      hold.holder ?? '',
      modeWords(hold),
      hold.state,
      String(hold.token),
      `${hold.heldFor} s`,
      endWords(hold),
      hold.meta ?? '',
    ])
    lines.push(formatTable([['HOLDER', 'MODE', 'STATE', 'TOKEN', 'FOR', 'ENDS', 'META'], ...rows], '  '))
    if (holdCount > holds.length) lines.push(`  … and ${holdCount - holds.length} more`)
  }
  if (waiterCount > 0) {
    const rows = waiting.map((place) => [
      String(place.position),
      place.holder,
      modeWords(place),
      `${place.waitedFor} s`,
      place.wait === 'forever' ? 'forever' : `${place.wait} s`,
    ])
    lines.push(formatTable([['WAITING', 'WHO', 'MODE', 'SINCE', 'WAITS'], ...rows], '  '))
    if (waiterCount > waiting.length) lines.push(`  … and ${waiterCount - waiting.length} more`)
  }
  return lines.join('\n')
}

const modeWords = ({ mode, permits }: { readonly mode: string; readonly permits?: number }): string =>
  permits === undefined ? mode : `${permits} permits`

const endWords = ({ endsWithin }: HoldJson): string => (endsWithin === undefined ? '' : `in ${endsWithin} s at most`)

interface WhyJson {
  readonly name: string
  readonly now?: readonly { readonly text: string }[]
  readonly nowCount?: number
  readonly requests: readonly {
    readonly text: string
    readonly blockers: readonly { readonly text: string }[]
    readonly blockerCount: number
    readonly chain: readonly { readonly holder: string; readonly name: string; readonly of: string }[]
    readonly circle?: string
  }[]
  readonly requestCount: number
}

export async function showWhy(
  endpoints: Endpoints,
  name: string,
  session: string | undefined,
  asJson: boolean,
): Promise<void> {
  if (session !== undefined && !/^\d{1,16}$/.test(session)) throw usage('--session: the number of a session')
  const request = `why,name:${checked(name)}${session === undefined ? '' : `,session:${session}`}`
  const report = await askInfo<WhyJson>(endpoints, request)
  process.stdout.write(asJson ? `${JSON.stringify(report, null, 2)}\n` : `${whyText(report)}\n`)
}

function whyText({ name, now = [], nowCount = 0, requests, requestCount }: WhyJson): string {
  const lines: string[] = []
  for (const request of requests) {
    lines.push(request.text)
    for (const { text } of request.blockers.slice(1)) lines.push(`  ${text}`)
    if (request.blockerCount > request.blockers.length)
      lines.push(`  … and ${request.blockerCount - request.blockers.length} more`)
    if (request.chain.length > 1) {
      lines.push(
        `  ${request.chain.map(({ holder, name: of, of: whom }) => `${holder} waits for ${of} of ${whom}`).join('; ')}`,
      )
    }
  }
  if (requestCount > requests.length) lines.push(`… and ${requestCount - requests.length} more requests`)
  if (requestCount > 0) return lines.join('\n')
  if (nowCount === 0) return `${name}: nobody waits, and nothing is in the way`
  return [`${name}: nobody waits. In the way of whoever asked now:`, ...now.map(({ text }) => `  ${text}`)].join('\n')
}

interface EndJson {
  readonly token: number
  readonly mode: string
  readonly permits?: number
  readonly holder: string
  readonly from: number
  readonly to: number
  readonly how: string
  readonly by?: string
  readonly reason?: string
}

export async function showHistory(endpoints: Endpoints, name: string, asJson: boolean): Promise<void> {
  const { ends } = await askInfo<{ readonly ends: readonly EndJson[] }>(endpoints, `history,name:${checked(name)}`)
  if (asJson) process.stdout.write(`${JSON.stringify(ends, null, 2)}\n`)
  else if (ends.length === 0) process.stdout.write(`${name}: nothing is remembered\n`)
  else {
    const rows = ends.map((end) => [
      timeOf(end.from),
      timeOf(end.to),
      end.holder,
      modeWords(end),
      String(end.token),
      end.how,
      [end.by, end.reason].filter(Boolean).join(': '),
    ])
    process.stdout.write(`${formatTable([['FROM', 'TO', 'HOLDER', 'MODE', 'TOKEN', 'HOW', ''], ...rows])}\n`)
  }
}

/** A comma in it would begin another key. */
function checked(name: string): string {
  if (isLockName(name)) return name
  throw usage(`${name}: not a lock name`)
}

const usage = (message: string): CommandFailure => new CommandFailure(TnlExit.usage, message)
