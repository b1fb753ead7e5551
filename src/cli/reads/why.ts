/** `tnl why KEY`: what is in the way of whoever waits, whom that waits for in turn, and when all of it is over at the latest. */

import { ageWords, boundWords } from '../../service/reads/durations.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { sentenceColumns, shown, wrapped } from '../shared/terminal-text.js'
import { askInfo } from './asking.js'
import { checkedName, seconds, usageError } from './values.js'

interface WaitJson {
  readonly holder: string
  readonly session: number
  readonly request?: number
  readonly position: number
  readonly mode: string
  readonly permits?: number
  readonly names: readonly string[]
  readonly waitedFor: number
  readonly wait: number | 'forever'
  readonly blockers: readonly { readonly text: string }[]
  readonly blockerCount: number
  readonly freeWithin?: number
  readonly chain: readonly { readonly text: string }[]
  readonly chainEnd?: string
  readonly circle?: string
}

export interface WhyJson {
  readonly name: string
  readonly now?: readonly { readonly text: string }[]
  readonly nowCount?: number
  readonly requests: readonly WaitJson[]
  readonly requestCount: number
  readonly unexamined?: boolean
}

export async function showWhy(
  access: ClusterAccess,
  name: string,
  session: string | undefined,
  asJson: boolean,
): Promise<void> {
  if (session !== undefined && !/^\d{1,16}$/.test(session)) {
    throw usageError(`--session ${shown(session)}: not the number of a session (tnl sessions shows them)`)
  }
  const request = `why,name:${checkedName(name)}${session === undefined ? '' : `,session:${session}`}`
  const report = await askInfo<WhyJson>(access, request)
  process.stdout.write(asJson ? `${JSON.stringify(report, null, 2)}\n` : `${whyText(report, session)}\n`)
}

export function whyText(report: WhyJson, session?: string, columns = sentenceColumns()): string {
  const { name, requests, requestCount, unexamined } = report
  const lines = requestCount > 0 ? requests.flatMap((request) => requestLines(name, request)) : nobody(report, session)
  if (requestCount > requests.length) lines.push(`… and ${requestCount - requests.length} more requests for ${name}`)
  if (unexamined === true) lines.push('So much waits that not all of it was looked at: there may be more in the way.')
  return lines.map((line) => wrapped(line, columns, indentOf(line))).join('\n')
}

/** Of the second and later lines of a sentence, so that what hangs together stands together. */
const indentOf = (line: string): string =>
  `${/^ */.exec(line)?.[0] ?? ''}${line.trimStart().startsWith('- ') ? '  ' : '    '}`

function nobody({ name, now = [], nowCount = 0 }: WhyJson, session: string | undefined): string[] {
  if (session !== undefined) return [`session ${session} does not wait for ${name}`]
  if (nowCount === 0) return [`${name}: nobody waits, and nothing is in the way`]
  return [`${name}: nobody waits. In the way of whoever asked now:`, ...listed(now, nowCount)]
}

function listed(blockers: readonly { readonly text: string }[], count: number): string[] {
  const lines = blockers.map(({ text }) => `  - ${shown(text)}`)
  if (count > blockers.length) lines.push(`  … and ${count - blockers.length} more in the way`)
  return lines
}

function requestLines(name: string, request: WaitJson): string[] {
  const { blockers, blockerCount, freeWithin, circle, chain, chainEnd } = request
  const lines = [headWords(name, request)]
  if (blockerCount === 0) return [...lines, '  nothing is in the way any more: its turn comes with the next entry']
  lines.push(...listed(blockers, blockerCount))
  // What the first link says stands among the blockers.
  for (const { text } of chain.slice(1)) lines.push(`  and ${shown(text)}`)
  const end = chain.length > 1 ? CHAIN_ENDS[chainEnd ?? ''] : undefined
  if (end !== undefined) lines.push(`  ${end}`)
  if (circle !== undefined) lines.push(`  Nobody of these can go on: ${circle}`)
  else if (freeWithin !== undefined)
    lines.push(
      `  At the latest in ${boundWords(seconds(freeWithin))} all of this is over, though nobody does anything.`,
    )
  return lines
}

const CHAIN_ENDS: Readonly<Record<string, string>> = {
  circle: 'and so round to one of them, unless others make room',
  cut: 'and so on',
  frozen: 'and that one waits for a thaw',
}

function headWords(name: string, request: WaitJson): string {
  const { holder, session, position, names, waitedFor, wait, mode, permits } = request
  const how =
    mode === 'exclusive'
      ? ''
      : mode === 'shared'
        ? ' (shared)'
        : ` (${permits} ${permits === 1 ? 'permit' : 'permits'})`
  const gives = wait === 'forever' ? 'without end' : `for ${boundWords(seconds(wait))} more at most`
  const who = holder === String(session) ? `session ${session}` : `${holder} (session ${session})`
  const what = listOf([`${name}${how}`, ...names.filter((one) => one !== name)])
  return `${who} has waited ${ageWords(seconds(waitedFor))} for ${what}, at position ${position}, and waits ${gives}:`
}

const NAMES_SHOWN_MAX = 4

function listOf(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN_MAX
  const shownNames = rest > 1 ? [...names.slice(0, NAMES_SHOWN_MAX), `${rest} other names`] : names
  if (shownNames.length < 2) return shownNames.join('')
  return `${shownNames.slice(0, -1).join(', ')} and ${shownNames.at(-1)}`
}
