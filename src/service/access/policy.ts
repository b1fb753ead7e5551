/**
 * Who may what. The edge asks before anything is proposed, read or redirected, and never caches an answer: a policy is replaced
 * as a whole (`AccessControl`), so rights that were taken away count from the next ask on.
 *
 * A refusal is the text for `err,code:unauthorized`: it names the verb and the name or prefix, and is the same whether or not a
 * lock of that name exists.
 */
import type { Caller, Credentials } from './caller.js'
import type { AskedMode } from './policy-data.js'
import type { ClusterVerb, LockVerb } from './verbs.js'

/** Which names somebody may see. Asked for each name of a listing, so `has` is cheap; the object may be kept for one answer. */
export interface VisibleNames {
  /** Every name there is: nothing has to be filtered. */
  readonly isAll: boolean
  has(name: string): boolean
  /** Some name that begins so may be seen: what is said of the prefix, as a freeze, concerns the asker. */
  hasUnder(prefix: string): boolean
}

export const ALL_NAMES: VisibleNames = { isAll: true, has: () => true, hasUnder: () => true }

/** How one name is asked for, as far as rules for names look at it. */
export interface AskedTerms {
  readonly mode: AskedMode
  /** 0: the hold has no end of its own. */
  readonly ttlMs: number
  /** For how long what is left of a hold may keep others out: from its grant on, and behind its end. 0: not at all. */
  readonly minHoldMs: number
  readonly delayMs: number
  readonly meta: string
  /** It would wait in the queue if it were not granted at once. */
  readonly waits: boolean
  /** Places in the queue of the name now, as this node knows it. */
  waiters(): number
}

/** `limit`: it may be allowed later; `unauthorized`: the same ask never is. */
export interface TermsRefusal {
  readonly code: 'limit' | 'unauthorized'
  readonly text: string
}

export interface Policy {
  /** Begins with the SHA-256 of the auth file; null: there is none, and everybody may lock and see. */
  readonly hash: string | null

  /** Null: a token was shown that is nobody's. Without one it is never null. */
  identify(credentials: Credentials): Caller | null
  /** Whether what the caller has proven still proves the same. */
  isStill(caller: Caller): boolean

  /** Null: the caller may. */
  refusal(caller: Caller, verb: LockVerb, name: string): string | null
  /** Null: for every name that begins so, now and in all times; `''` for all names. */
  refusalUnder(caller: Caller, verb: LockVerb, prefix: string): string | null
  refusalOfCluster(caller: Caller, verb: ClusterVerb): string | null
  /** Null: there are names that the caller may see. */
  refusalOfSight(caller: Caller): string | null
  /** Null: there is something that the caller may do. Others open no session: each would cost an entry of the log, and memory. */
  refusalOfSession(caller: Caller): string | null
  sees(caller: Caller): VisibleNames

  /** Rules for whoever asks for such a name (`policies:`), all who may lock it alike. Null: the terms are allowed. */
  refusalOfTerms(terms: AskedTerms, name: string): TermsRefusal | null
}

/** Told to whoever shows a token that is nobody's. */
export const WRONG_TOKEN_TEXT = 'auth: this token is not known here'
