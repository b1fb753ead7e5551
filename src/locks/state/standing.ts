/** What stands though nobody holds anything: done-marks, freezes, pinned limits, and what has been. */
import type { SessionId, Token } from '../commands/commands.js'

/** The word that something was done with success (`release,…,done:yes`). */
export interface Mark {
  readonly key: string
  /** Of the entry that set it: a later mark of the same key is another one. */
  readonly generation: number
  readonly sinceWallMs: number
  readonly holder: string
  /** 0: for ever. */
  readonly ttlMs: number
  stamp: number
}

/** No new hold for names that begin with `prefix`. */
export interface FreezeEntry {
  readonly prefix: string
  readonly generation: number
  readonly reason: string
  readonly sinceWallMs: number
  /** 0: until it is thawed. */
  readonly untilWallMs: number
  readonly by: string
}

/** A limit that an operator has set. */
export interface Pin {
  readonly name: string
  readonly limit: number
  stamp: number
}

/**
 * A client id, or the session's number if it has none. To write that number in digits takes as long as to grant a lock, and most
 * are never read: so it is left to whoever shows it.
 */
export type Who = string | SessionId

/** How a hold ended. */
export const HOLD_ENDS = ['released', 'bye', 'fin', 'expired', 'node-lost', 'ttl', 'forced', 'unlocked'] as const
export type HoldEnd = (typeof HOLD_ENDS)[number]

/** A hold that has ended: one of the last of its name. */
export interface PastHold {
  /** Orders all of them. */
  readonly number: number
  readonly name: string
  readonly token: Token
  readonly amount: number
  readonly limit: number
  readonly session: SessionId
  readonly who: Who
  readonly fromWallMs: number
  readonly toWallMs: number
  readonly how: HoldEnd
  /** Of a forced release: who, and the words that were given. */
  readonly by: string
  readonly reason: string
  stamp: number
}
