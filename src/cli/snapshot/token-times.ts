/** Tokens of a cluster that begins again: above all that were given before, by the time at which it begins (ADR 32). */
import { COUNTER_STEPS_PER_SECOND } from '../../locks/limits.js'
import { UNIX_SECONDS_MAX } from '../../raft/limits.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'

export interface Given {
  /** The highest token that is known to have been given. */
  readonly highestToken: number
  /** Tokens went on at least until then. */
  readonly knownUnixMs: number
  /** The operator's word that no higher token was ever given; null: the clock is believed. */
  readonly tokensAbove: number | null
}

/** Tokens may begin at so many seconds x 2^20, and not earlier. */
export function leastSeconds({ highestToken, knownUnixMs, tokensAbove }: Given): number {
  const highest = Math.max(highestToken, tokensAbove ?? 0)
  const afterTokens = Math.floor(highest / COUNTER_STEPS_PER_SECOND) + 1
  const least = tokensAbove === null ? Math.max(afterTokens, Math.floor(knownUnixMs / 1000)) : afterTokens
  if (least <= UNIX_SECONDS_MAX) return least
  throw new CommandFailure(TnlExit.refused, `tokens above ${highest} would be higher than any program can count`)
}

/** `event`: what happened before tokens begin again, for example "backup was saved". */
export function checkClock(event: string, nowSeconds: number, leastUnixSeconds: number): void {
  if (nowSeconds >= leastUnixSeconds) return
  const time = (seconds: number) => new Date(seconds * 1000).toISOString()
  throw new CommandFailure(
    TnlExit.refused,
    `this machine's clock says ${time(nowSeconds)}, but tokens up to those of ${time(leastUnixSeconds)} were given before ` +
      `${event}: new ones would not be higher. Set the clock right. If it is right, and theirs was ahead, say ` +
      '--tokens-above with the highest token that was ever given. Nothing was changed',
  )
}
