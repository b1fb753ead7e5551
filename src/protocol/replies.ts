/**
 * What a node says, in two types that cannot be taken for each other. A *positive* reply claims that a lease is in force
 * (rules.md rule 2), and may be written only by whoever has just looked whether that is still true. All others are *neutral*.
 *
 * Both are plain strings at run time. `positive('ok', …)` and `neutral('err', …)` are the only ways to make one, so a claim
 * that is written without looking does not compile: `say(positive('alive'))`, `say('ok\n')` and `neutral('ok')` are type errors.
 */
import { type Fields, formatLine } from './line.js'

/** The words that claim a lease in force. Everything that extends a client's belief begins with one of them. */
export const POSITIVE_WORDS = ['ok', 'alive', 'held', 'ready', 'welcome', 'queued', 'valid', 'safe'] as const
export type PositiveWord = (typeof POSITIVE_WORDS)[number]

/** All other words that begin a line of a node. A transcript has to show each of them (`test/transcripts`). */
export const NEUTRAL_WORDS = [
  // of both dialects
  ...['bad-request', 'err', 'not-granted', 'redirect', 'released', 'stale'],
  // of the classic dialect
  ...['bad-action', 'pong', 'shutting-down', 'stats'],
  // of a session
  ...['bye', 'cancelled', 'done', 'end', 'info', 'jeopardy', 'lock', 'lost', 'moved'],
  ...['event', 'gap', 'watching'],
  // of operators
  ...['cluster', 'forced', 'forgotten', 'frozen', 'member', 'part', 'resized', 'snapshot', 'thawed'],
] as const
export type NeutralWord = (typeof NEUTRAL_WORDS)[number]

declare const claims: unique symbol
/** One or more whole lines that claim something. */
export type PositiveReply = string & { readonly [claims]: 'a lease in force' }
/** One or more whole lines that claim nothing. */
export type NeutralReply = string & { readonly [claims]: 'nothing' }

export function positive(word: PositiveWord, fields?: Fields): PositiveReply {
  return formatLine(word, fields) as PositiveReply
}

/** Several replies of one kind, as one. */
export function joined<Reply extends PositiveReply | NeutralReply>(...replies: readonly Reply[]): Reply {
  return replies.join('') as Reply
}

/** A claim, and at once what limits it. It is still a claim. */
export function withNews(claim: PositiveReply, news: readonly NeutralReply[]): PositiveReply {
  return [claim, ...news].join('') as PositiveReply
}

export function neutral(word: NeutralWord, fields?: Fields): NeutralReply {
  return formatLine(word, fields) as NeutralReply
}

/** A line that ends in JSON: everything from its first brace on, nothing of it escaped. */
export function neutralJson(word: NeutralWord, value: object, fields?: Fields): NeutralReply {
  return `${formatLine(word, fields).slice(0, -1)},${JSON.stringify(value)}\n` as NeutralReply
}

/** `err` and words for people, as the classic dialect has them. A comma is part of the text, a line end cannot be. */
export function plainError(text: string): NeutralReply {
  return `err,${text.replace(/[\r\n]/g, ' ')}\n` as NeutralReply
}
