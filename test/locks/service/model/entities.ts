/** What the reference model of the lock service is made of: plain records in plain lists. */
import type { Ask, AskTerms, HoldClock, Kept } from '../../../../src/locks/commands/commands.js'
import { EXCLUSIVE, SHARED } from '../../../../src/locks/commands/commands.js'
import type { Answer, LossReason } from '../../../../src/locks/effects.js'

export interface ModelSession {
  readonly id: number
  readonly classic: boolean
  readonly clientId: string
  readonly secretHash: string
  /** Of whoever opened it, or resumed it while it was nobody's; null: classic. */
  identity: string | null
  readonly leaseMs: number
  readonly lingerMs: number
  attach: number
  lastN: number
  place: { node: string; epoch: number; conn: number } | null
  detachedForMs: number
  /** Answers up to this request have arrived. */
  acknowledged: number
  highest: number
  attempt: number
  answers: Map<number, Answer>
}

/** `held`: its client has it. `tail`: it has ended. Otherwise it is lost, and its client may not know yet. */
export type ModelPhase = 'held' | 'tail' | 'forced' | 'ttl'

export interface ModelHold {
  readonly name: string
  readonly token: number
  readonly amount: number
  readonly request: number
  /** Whom refusals name. */
  readonly holder: string
  readonly meta: string
  readonly sinceWallMs: number
  readonly loose: boolean
  readonly once: string
  readonly onceTtlMs: number
  /** Of the session that took it. */
  readonly owner: number
  readonly secretHash: string
  readonly identity: string | null
  /** Who has it; null of a tail. A loose hold keeps the one that took it, while that lives. */
  session: ModelSession | null
  phase: ModelPhase
  delayMs: number
  minHoldMs: number
  ttlMs: number
}

export interface ModelRequest {
  readonly session: ModelSession
  readonly request: number
  /** In the order in which requests were applied. */
  readonly number: number
  readonly asks: readonly [Ask, ...Ask[]]
  readonly terms: Omit<AskTerms, 'keepsAll' | 'keeps'>
  /** `all`, or the holds that the client named. */
  readonly keeps: 'all' | readonly Kept[]
  waitMs: number
}

export interface ModelFreeze {
  readonly prefix: string
  readonly generation: number
  readonly untilWallMs: number
  readonly reason: string
}

export interface ModelMark {
  readonly key: string
  readonly generation: number
  readonly sinceWallMs: number
  readonly expiresWallMs: number
  readonly holder: string
}

/** What connections are told, in order. */
export type Told =
  | readonly ['answered', session: number, request: number, answer: Answer]
  | readonly ['queued', session: number, request: number, name: string, position: number, holder: string, limit: number]
  | readonly ['lost', session: number, name: string, token: number, reason: LossReason]
  | readonly ['ended', session: number]
  | readonly ['detached', session: number, forMs: number]

/** What the leader is told to count, or no longer. */
export type Counted =
  | readonly ['timed', name: string, token: number, clock: HoldClock, forMs: number]
  | readonly ['untimed', name: string, token: number]
  | readonly ['frozen', prefix: string, generation: number, untilWallMs: number]
  | readonly ['marked', key: string, generation: number, expiresWallMs: number]

export const identityOf = ({ session, identity }: ModelHold): string | null =>
  session === null ? identity : session.identity

export const labelOf = (session: ModelSession): string => session.clientId || String(session.id)

/** Whether `asked` goes beside all of `others`; `limit` of a semaphore. */
export function goesBeside(asked: number, others: readonly number[], limit: number): boolean {
  if (asked === EXCLUSIVE) return others.length === 0
  if (asked === SHARED) return others.every((amount) => amount === SHARED)
  return others.reduce((sum, amount) => sum + amount, asked) <= limit
}
