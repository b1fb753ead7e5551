/** How values are read and shown by all commands of this folder. */
import { LOCK_NAME_MAX_CHARS } from '../../protocol/limits.js'
import { isLockName } from '../../protocol/values.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { shown } from '../shared/terminal-text.js'

/** A comma in it would begin another key. */
export function checkedName(name: string): string {
  if (isLockName(name)) return name
  const rule = `letters, digits and _ - . /, not . or / first, at most ${LOCK_NAME_MAX_CHARS}`
  throw usageError(`'${shown(name)}' is not a lock name (${rule})`)
}

export const usageError = (message: string): CommandFailure => new CommandFailure(TnlExit.usage, message)

/** Of a second that the cluster tells, in milliseconds. */
export const seconds = (count: number): number => Math.round(count * 1000)

/** `2026-11-25 23:37:26Z` */
export const timeOf = (unixSeconds: number): string =>
  new Date(unixSeconds * 1000).toISOString().replace('T', ' ').replace(/\.\d+/, '')

export function modeWords({ mode, permits, limit }: ModeJson): string {
  if (permits === undefined || permits === 0) return mode
  if (limit !== undefined) return `${permits}/${limit}`
  return `${permits} ${permits === 1 ? 'permit' : 'permits'}`
}

interface ModeJson {
  readonly mode: string
  readonly permits?: number
  readonly limit?: number
}
