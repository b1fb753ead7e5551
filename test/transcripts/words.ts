/** The words of the protocol: those that the tables of the sources have, those that scenes show, those that the page has. */
import { EVENT_TYPES, LOSS_REASONS, REFUSAL_REASONS } from '../../src/locks/effects.js'
import { HOLD_ENDS } from '../../src/locks/state/standing.js'
import { ADMIN_CODES } from '../../src/protocol/admin-codes.js'
import { ERROR_CODES } from '../../src/protocol/error-codes.js'
import { NEUTRAL_WORDS, POSITIVE_WORDS } from '../../src/protocol/replies.js'
import { FIRST_REQUESTS, LATER_REQUESTS } from '../../src/service/dialects/requests/classic/table.js'
import { OPENINGS, REQUESTS } from '../../src/service/dialects/requests/table.js'
import type { Scene } from './script.js'

/** What a word is said as. */
export const KINDS = ['classic action', 'session action', 'answer', 'code', 'reason', 'event', 'how'] as const
export type Kind = (typeof KINDS)[number]

export const WORDS: Readonly<Record<Kind, readonly string[]>> = {
  'classic action': [...FIRST_REQUESTS.keys(), ...LATER_REQUESTS.keys()],
  'session action': [...OPENINGS.keys(), ...REQUESTS.keys()],
  answer: [...POSITIVE_WORDS, ...NEUTRAL_WORDS],
  code: [...ERROR_CODES, ...Object.keys(ADMIN_CODES)],
  reason: [...REFUSAL_REASONS, ...LOSS_REASONS],
  event: EVENT_TYPES,
  how: HOLD_ENDS,
}

export const named = (kind: Kind, word: string): string => `${kind} ${word}`

export function allWords(): readonly string[] {
  return KINDS.flatMap((kind) => WORDS[kind].map((word) => named(kind, word)))
}

const FIRST = /^[a-z.][a-z-]*/
const IN_AN_ANSWER: readonly (readonly [Kind, RegExp])[] = [
  ['answer', /^([a-z-]+)/],
  ['code', /^err,(?:id:\d+,)?code:([a-z-]+)/],
  ['reason', /^(?:not-granted|lost),.*,reason:([a-z-]+)/],
  ['event', /^event,.*,type:([a-z]+)/],
]
/** An answer in JSON may have many. */
const HOW = /"how":"([a-z-]+)"/g

/** Every word that is sent or received in these scenes. */
export function wordsOf(scenes: readonly Scene[]): ReadonlySet<string> {
  const words = new Set<string>()
  for (const { steps } of scenes) {
    // The first line of a connection decides in which dialect the others are.
    const dialects = new Map<string, Kind>()
    for (const step of steps) {
      if (step.kind === 'act') {
        const { act } = step
        if (act.kind === 'sessions') for (const client of act.clients) dialects.set(client, 'session action')
        else if (act.kind === 'breaks' || act.kind === 'fin') dialects.delete(act.client)
        continue
      }
      const { client, text } = step
      if (step.kind === 'sent') {
        const [action = ''] = FIRST.exec(text) ?? []
        const dialect =
          dialects.get(client) ?? (/^(?:hello|resume)$/.test(action) ? 'session action' : 'classic action')
        dialects.set(client, dialect)
        words.add(named(dialect, action))
      } else if (text === '(closed)') dialects.delete(client)
      else {
        for (const [kind, pattern] of IN_AN_ANSWER) {
          const [, word] = pattern.exec(text) ?? []
          if (word !== undefined) words.add(named(kind, word))
        }
        for (const [, how = ''] of text.matchAll(HOW)) words.add(named('how', how))
      }
    }
  }
  return words
}

/** What a page quotes, between backticks or on an indented line; what is in fences, as transcripts are, is left out. */
export function quotedIn(page: string): readonly string[] {
  const prose = page.replace(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/`([^`\n]+)`|^ {4}(\S.*)$/gm)].map(([, inline, line]) => inline ?? line ?? '')
}

/** What the tables of requests say: in the first column what is sent, in the second what is answered. */
export function requestRows(page: string): readonly { readonly sent: string; readonly answered: string }[] {
  const rows: { sent: string; answered: string }[] = []
  let isOfRequests = false
  for (const line of page.split('\n')) {
    // `\|` is part of a cell.
    const [, sent = '', answered = ''] = line.split(/(?<!\\)\|/)
    if (!line.startsWith('|')) isOfRequests = false
    else if (/^ the (?:client|operator) sends $/.test(sent)) isOfRequests = true
    else if (isOfRequests && !sent.startsWith('---')) rows.push({ sent, answered })
  }
  return rows
}
