/** What is asked for, whichever command says so. */
import { type Ask, type AskCommand, type CommandNamed, EXCLUSIVE } from '../commands/commands.js'
import { HoldTerms, type Keeping } from '../state/terms.js'

/** What a request says, whichever command brought it. */
export interface Asked {
  readonly asks: readonly Ask[]
  readonly waitMs: number
  readonly meta: string
  readonly terms: HoldTerms | null
  readonly keeps: Keeping
  /** Otherwise only holds of the asker's identity. */
  readonly keepsAnyones: boolean
  readonly wallMs: number
}

/** One name, as the classic dialect and clusters of level 1 ask for it. */
export function askOf(command: CommandNamed<'lock'> | CommandNamed<'openClassic'>): Asked {
  const { name, waitMs, meta, delayMs, wallMs } = command
  const { amount, limit } = 'amount' in command ? command : { amount: EXCLUSIVE, limit: 0 }
  return {
    asks: [{ name, amount, limit }],
    waitMs,
    meta,
    terms: termsOf({ delayMs }),
    keeps: 'all',
    keepsAnyones: false,
    wallMs,
  }
}

export function askedBy(command: AskCommand): Asked {
  const { asks, waitMs, meta, keepsAll, keeps, keepsAnyones, wallMs } = command
  return { asks, waitMs, meta, terms: termsOf(command), keeps: keepsAll ? 'all' : keeps, keepsAnyones, wallMs }
}

/** Most holds have none. */
function termsOf(said: Partial<AskCommand>): HoldTerms | null {
  const { delayMs = 0, minHoldMs = 0, ttlMs = 0, loose = false, once = '', onceTtlMs = 0 } = said
  if (delayMs === 0 && minHoldMs === 0 && ttlMs === 0 && !loose && once === '') return null
  return new HoldTerms(delayMs, minHoldMs, ttlMs, loose, once, onceTtlMs)
}
