/** Administration on its way to the leader and back. Rare and small, so JSON; a peer's bytes are still checked. */
import type { AdminCodeName } from '../../protocol/admin-codes.js'

export interface AdminOperation {
  readonly action: string
  readonly node: string
  /** Only of `.member-add`. */
  readonly peer: string
  /** Only of `.member-promote`: the voter whose place it takes; empty for none. */
  readonly replaces: string
}

/** Words that begin the lines of an answer. They are none that would claim something of a lease. */
const ADMIN_WORDS = ['cluster', 'member', 'done', 'err'] as const
export type AdminWord = (typeof ADMIN_WORDS)[number]

/** A pair whose value is undefined is left out. */
export type AdminPair = readonly [key: string, value: string | number | undefined]

/** One answer line: its word, then its pairs. */
export type AdminRow = readonly [word: AdminWord, ...pairs: AdminPair[]]

export interface AdminAnswer {
  readonly rows: readonly AdminRow[]
  /** Whether an `end` line with the number of rows follows. */
  readonly count: boolean
}

/** Codes of administration, and those of the session dialect that mean here what they mean there. */
export type RefusalCode = AdminCodeName | 'bad-request' | 'no-quorum' | 'unauthorized'

/** Why an operation was not begun, or not seen through. */
export class AdminRefusal extends Error {
  override readonly name = 'AdminRefusal'
  readonly code = 'TNL_ADMIN_REFUSED'
  constructor(
    readonly reason: RefusalCode,
    message: string,
  ) {
    super(message)
  }
}

/** `number` tells the answers to several operations of one node apart. */
export interface Frame<T> {
  readonly number: number
  readonly body: T
}

export function encodeFrame(frame: Frame<AdminOperation | AdminAnswer>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(frame))
}

export function decodeOperation(payload: Uint8Array): Frame<AdminOperation> | null {
  const { number, body } = decode(payload)
  if (number === null || !isRecord(body)) return null
  const { action, node, peer, replaces } = body
  if (typeof action !== 'string' || typeof node !== 'string') return null
  if (typeof peer !== 'string' || typeof replaces !== 'string') return null
  return { number, body: { action, node, peer, replaces } }
}

export function decodeAnswer(payload: Uint8Array): Frame<AdminAnswer> | null {
  const { number, body } = decode(payload)
  if (number === null || !isRecord(body)) return null
  const { rows, count } = body
  if (!Array.isArray(rows) || !rows.every(isRow) || typeof count !== 'boolean') return null
  return { number, body: { rows, count } }
}

function decode(payload: Uint8Array): { number: number | null; body: unknown } {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (isRecord(value) && typeof value.number === 'number') return { number: value.number, body: value.body }
  } catch {
    // Not JSON: the same as a frame that makes no sense.
  }
  return { number: null, body: null }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Values are escaped when they are written; a word or a key with a line end in it would be a line of its own. */
function isRow(row: unknown): row is AdminRow {
  return Array.isArray(row) && ADMIN_WORDS.includes(row[0]) && row.slice(1).every(isPair)
}

const KEY = /^[a-z][a-z-]*$/

function isPair(pair: unknown): pair is AdminPair {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string' || !KEY.test(pair[0])) return false
  return ['string', 'number'].includes(typeof pair[1])
}
