/** `tnl who KEY`: who has it, since when and for how long at least or at most; who waits. */

import { ageWords, boundWords } from '../../service/reads/durations.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { formatTable } from '../shared/table.js'
import { sentenceColumns, shown, wrapped } from '../shared/terminal-text.js'
import { askInfo } from './asking.js'
import { checkedName, modeWords, seconds, timeOf } from './values.js'

interface HoldJson {
  readonly token: number
  readonly mode: string
  readonly permits?: number
  readonly state: string
  readonly holder?: string
  readonly node?: string
  readonly heldFor: number
  readonly loose?: boolean
  readonly endsBy: string
  readonly endsWithin?: number
  readonly leaseLeft?: number
  readonly meta?: string
}

interface PlaceJson {
  readonly position: number
  readonly mode: string
  readonly permits?: number
  readonly holder: string
  readonly names: number
  readonly waitedFor: number
  readonly wait: number | 'forever'
  readonly meta?: string
}

interface FreezeJson {
  readonly prefix: string
  readonly reason: string
  readonly by?: string
  readonly until?: number
}

interface WhoJson {
  readonly name: string
  readonly kind: string
  readonly state: string
  readonly limit?: number
  readonly pinned?: number
  readonly frozen?: readonly FreezeJson[]
  readonly holds: readonly HoldJson[]
  readonly holdCount: number
  readonly waiting: readonly PlaceJson[]
  readonly waiterCount: number
}

export async function showWho(access: ClusterAccess, name: string, asJson: boolean): Promise<void> {
  const report = await askInfo<WhoJson>(access, `who,name:${checkedName(name)}`)
  process.stdout.write(asJson ? `${JSON.stringify(report, null, 2)}\n` : `${whoText(report)}\n`)
}

export function whoText(report: WhoJson): string {
  const { frozen = [], holds, holdCount, waiting, waiterCount } = report
  const columns = sentenceColumns()
  const lines = [wrapped(headWords(report), columns, '  ')]
  for (const freeze of frozen) lines.push(wrapped(`  ${freezeWords(freeze)}`, columns, '    '))
  if (holdCount > 0) {
    const head = ['HOLDER', 'NODE', 'MODE', 'TOKEN', 'HELD', 'LEFT']
    lines.push(...withMeta(head, holds.map(holdRow), holds))
    if (holdCount > holds.length) lines.push(`  … and ${holdCount - holds.length} more`)
  }
  if (waiterCount > 0) {
    lines.push(...withMeta(['WAITING', 'WHO', 'MODE', 'ASKED', 'GIVES UP', ''], waiting.map(placeRow), waiting))
    if (waiterCount > waiting.length) lines.push(`  … and ${waiterCount - waiting.length} more`)
  }
  return lines.join('\n')
}

/** The words of each client, which may be long, stand in a line below its row. */
function withMeta(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  of: readonly { readonly meta?: string }[],
): string[] {
  const [first = '', ...lines] = formatTable([head, ...rows], { indent: '  ', mayCut: [0, 1] }).split('\n')
  return [
    first,
    ...lines.flatMap((line, at) => {
      const meta = of[at]?.meta
      return meta === undefined ? [line] : [line, wrapped(`    “${shown(meta)}”`, sentenceColumns(), '     ')]
    }),
  ]
}

function headWords({ name, kind, state, limit = 0, pinned, holds, waiting, waiterCount }: WhoJson): string {
  const what = kind === 'semaphore' ? `a semaphore of ${limit} ${limit === 1 ? 'permit' : 'permits'}` : 'a lock'
  const pin = pinned === undefined ? '' : `; its limit was set to ${pinned} by an operator`
  const queue = waiterCount === 0 ? '' : `, ${waiterCount} waiting`
  switch (state) {
    case 'free':
      return `${name}: free, nobody waits${pin}`
    case 'tail':
      return `${name}: ${what}, delayed${queue}: its last hold is over, and counts for a while${pin}`
    case 'reserved':
      return `${name}: ${what}, held by nobody${reservedWords(waiting[0])}${pin}`
    default: {
      const taken = holds.reduce((sum, { permits = 0 }) => sum + permits, 0)
      const permits = kind === 'semaphore' && taken <= limit ? `, ${taken} of them taken` : ''
      return `${name}: ${what}${permits}, held${queue}${pin}`
    }
  }
}

/** A free lock whose first waiter does not get it waits for another name of that one, or for a thaw. */
function reservedWords(first: PlaceJson | undefined): string {
  if (first === undefined || first.names === 1) return ', though somebody waits'
  return `, reserved for ${first.holder}, who waits for another name too`
}

function freezeWords({ prefix, reason, by, until }: FreezeJson): string {
  const what = prefix === '' ? 'all names are frozen' : `frozen, as all that begins with ${prefix}`
  const end = until === undefined ? 'until an operator thaws them' : `until ${timeOf(until)}`
  return `${what}, ${end}${by === undefined ? '' : `, by ${by}`}: ${shown(reason)}`
}

function holdRow(hold: HoldJson): string[] {
  const { holder = '-', node = '-', token, heldFor } = hold
  return [holder, node, modeWords(hold), String(token), ageWords(seconds(heldFor)), leftWords(hold)]
}

/** What is provably left, or at most. */
function leftWords({ endsBy, endsWithin, leaseLeft, state, loose }: HoldJson): string {
  const atMost = endsWithin === undefined ? '' : boundWords(seconds(endsWithin))
  switch (endsBy) {
    case 'ttl':
      return `${loose === true ? 'loose' : 'ttl'}, ≤ ${atMost}`
    case 'session':
      return `gone, ≤ ${atMost}`
    case 'lease':
      return `${state === 'ttl' ? 'timed out' : 'broken'}, ≤ ${atMost}`
    case 'time':
      return `tail, ≤ ${atMost}`
    default:
      return leaseLeft === undefined ? 'connected' : `lease, ≥ ${ageWords(seconds(leaseLeft))}`
  }
}

function placeRow(place: PlaceJson): string[] {
  const { position, holder, waitedFor, wait, names } = place
  const gives = wait === 'forever' ? 'never' : `in ${boundWords(seconds(wait))}`
  const others = names > 1 ? `and ${names - 1} other ${names > 2 ? 'names' : 'name'}` : ''
  return [String(position), holder, modeWords(place), `${ageWords(seconds(waitedFor))} ago`, gives, others]
}
