import type { Finding } from '../types.js'
import { type Call, findImpossible, type Model } from './linearizable.js'
import {
  eventsOf,
  eventsOfHold,
  groupBy,
  type Hold,
  lockKey,
  type Operation,
  type ReadHistory,
  textOf,
} from './operations.js'
import { shrink } from './shrink.js'

/** An exclusive lock whose grants are numbered: holders and what clients are told of them. */
type MutexInput =
  /** `rank`: its place among the tokens of this lock; null if the client did not learn its token. */
  | { readonly f: 'grant'; readonly hold: number; readonly rank: number | null }
  /** Released, or taken away when the client does not believe any more. */
  | { readonly f: 'end'; readonly hold: number }
  /** Somebody was told that the lock is another's. */
  | { readonly f: 'refuse' }
  /** A holder was told that it is none any more. */
  | { readonly f: 'deny'; readonly hold: number }
  /** Somebody may have got the lock without hearing of it. */
  | { readonly f: 'grant-unheard' }

interface MutexState {
  /** The hold that the lock is in; a grant unheard ends by itself. */
  readonly holder: number | 'nobody' | 'unheard'
  /** Grants with known tokens so far. */
  readonly grants: number
}

const mutexModel: Model<MutexState, MutexInput> = {
  initial: { holder: 'nobody', grants: 0 },
  key: ({ holder, grants }) => `${holder} ${grants}`,
  step: (state, input) => {
    const { holder, grants } = state
    const taken = typeof holder === 'number'
    switch (input.f) {
      case 'grant':
        if (taken || (input.rank !== null && input.rank !== grants)) return null
        return { holder: input.hold, grants: input.rank === null ? grants : grants + 1 }
      case 'end':
        return holder === input.hold ? { holder: 'nobody', grants } : null
      case 'refuse':
        return holder === 'nobody' ? null : state
      case 'deny':
        return holder === input.hold ? null : state
      case 'grant-unheard':
        return taken ? null : { holder: 'unheard', grants }
    }
  },
}

/** What one client did with the lock in one go: the unit that a smaller history has or has not. */
type Turn = { readonly hold: Hold } | { readonly attempt: Operation }

const isRefusal = (turn: Turn): boolean => 'attempt' in turn && turn.attempt.outcome === 'fail'

/** Each lock by itself must have had one history in which all answers are right. */
export function checkLinearizable({ operations, holds }: ReadHistory): Finding[] {
  const attempts = operations.filter(({ f, outcome }) => f === 'acquire' && outcome !== 'ok')
  const turns: Turn[] = [
    ...holds.map((hold) => ({ hold })),
    ...attempts.map((attempt) => ({ attempt: withoutDoubtfulRefusal(attempt) })),
  ]
  const locks = groupBy(turns, (turn) => lockKey(invocation(turn)))
  return [...locks.values()].flatMap((lock) => checkLock(lock) ?? [])
}

/** Reasons of refusals that say that the lock was another's. After another one, a grant may have been taken back. */
const DEFINITE: readonly (string | null)[] = ['held', 'timeout']

function withoutDoubtfulRefusal(attempt: Operation): Operation {
  const definite = attempt.outcome === 'fail' && DEFINITE.includes(textOf(attempt.completion, 'reason'))
  return definite ? attempt : { ...attempt, outcome: 'info' }
}

const invocation = (turn: Turn) => ('hold' in turn ? turn.hold.acquire : turn.attempt).invoke
const eventsOfTurn = (turn: Turn) => ('hold' in turn ? eventsOfHold(turn.hold) : eventsOf(turn.attempt))

function checkLock(turns: readonly Turn[]): Finding | null {
  const impossible = findImpossible(mutexModel, callsOf(turns))
  if (impossible === null) return null
  const { name = '' } = turns[0] === undefined ? {} : invocation(turns[0]).value
  const piece = smallestPiece(turns, impossible)
  return {
    check: 'linearizable',
    what: `${name}: ${explain[impossible.input.f]}`,
    events: piece.flatMap(eventsOfTurn),
  }
}

const explain: Readonly<Record<MutexInput['f'], string>> = {
  grant: 'was granted although an earlier grant had not ended, or in another order than the tokens say',
  end: 'was released by one who cannot have held it',
  refuse: 'was refused as held although nobody can have held it',
  deny: 'its holder was told that it holds nothing',
  'grant-unheard': 'no order explains its answers',
}

function callsOf(turns: readonly Turn[]): Call<MutexInput>[] {
  const holds = turns.flatMap((turn) => ('hold' in turn ? [turn.hold] : []))
  const ranked = holds.filter(({ token }) => token !== null).sort((a, b) => (a.token ?? 0) - (b.token ?? 0))
  const rankOf = new Map(ranked.map((hold, rank) => [hold, rank]))
  const ofHolds = holds.flatMap((hold, index) => {
    const rank = rankOf.get(hold) ?? null
    return callsOfHold(hold, index, rank, rank === null ? undefined : ranked[rank + 1])
  })
  const ofAttempts = turns.flatMap((turn) => ('attempt' in turn ? [callOfAttempt(turn.attempt)] : []))
  return [...ofHolds, ...ofAttempts]
}

function callsOfHold(hold: Hold, index: number, rank: number | null, next: Hold | undefined): Call<MutexInput>[] {
  const { acquire, granted, release, believedUntil } = hold
  const grant: Call<MutexInput> = {
    input: { f: 'grant', hold: index, rank },
    from: acquire.invoke.time,
    to: granted.time,
  }
  if (release?.completion != null && release.outcome === 'ok') {
    const end = { f: 'end', hold: index } as const
    return [grant, { input: end, from: release.invoke.time, to: release.completion.time }]
  }
  // Nobody said when it ended: at some time after the belief, and before the next grant.
  const to = next === undefined ? null : Math.max(believedUntil, next.granted.time)
  const calls: Call<MutexInput>[] = [grant, { input: { f: 'end', hold: index }, from: believedUntil, to }]
  if (release?.completion != null && release.outcome === 'fail') {
    calls.push({ input: { f: 'deny', hold: index }, from: release.invoke.time, to: release.completion.time })
  }
  return calls
}

function callOfAttempt({ invoke, completion, outcome }: Operation): Call<MutexInput> {
  if (outcome === 'fail' && completion !== null) {
    return { input: { f: 'refuse' }, from: invoke.time, to: completion.time }
  }
  return { input: { f: 'grant-unheard' }, from: invoke.time, to: null }
}

/** Refusals need holds that explain them; so holds are left out only where no refusal is in question. */
function smallestPiece(turns: readonly Turn[], impossible: Call<MutexInput>): readonly Turn[] {
  const isWrong = (piece: readonly Turn[]): boolean => findImpossible(mutexModel, callsOf(piece)) !== null
  const grants = turns.filter((turn) => !isRefusal(turn))
  return isWrong(grants) ? shrink(grants, isWrong) : around(turns, impossible)
}

/** The refusal, and whoever held or may have held the lock meanwhile, just before and just after. */
function around(turns: readonly Turn[], { from, to }: Call<MutexInput>): readonly Turn[] {
  const refusal = turns.filter((turn) => isRefusal(turn) && invocation(turn).time === from)
  const holds = turns.flatMap((turn) => ('hold' in turn ? [turn] : []))
  const before = holds
    .filter(({ hold }) => hold.believedUntil < from)
    .sort(byGrant)
    .slice(-1)
  const after = holds
    .filter(({ hold }) => to !== null && hold.acquire.invoke.time > to)
    .sort(byGrant)
    .slice(0, 1)
  const during = holds.filter(({ hold }) => hold.believedUntil >= from && hold.acquire.invoke.time <= (to ?? from))
  return [...before, ...during, ...refusal, ...after]
}

const byGrant = (a: { hold: Hold }, b: { hold: Hold }): number => a.hold.granted.time - b.hold.granted.time
