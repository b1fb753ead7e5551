/** How values of the protocol are read (docs/protocol.md). Every reader returns null for a value that is not allowed. */
import { CLIENT_ID_MAX_CHARS, LOCK_NAME_MAX_CHARS, WAIT_MAX_MS } from './limits.js'

const LOCK_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_./-]*$/
const CLIENT_ID = /^[A-Za-z0-9.@_-]+$/
const SECONDS = /^(\d{1,12}(\.\d{1,9})?|\.\d{1,9})$/
const INTEGER = /^\d{1,16}$/

/** The `waitMs` of a request that waits until it is granted. */
export const WAIT_FOREVER_MS = -1

export function isLockName(text: string): boolean {
  return text.length <= LOCK_NAME_MAX_CHARS && LOCK_NAME.test(text)
}

/** Of lock names; empty: of all. */
export function isNamePrefix(text: string): boolean {
  return text === '' || isLockName(text)
}

export function isClientId(text: string): boolean {
  return text.length <= CLIENT_ID_MAX_CHARS && CLIENT_ID.test(text)
}

/** Seconds with decimals, as milliseconds; a part of a millisecond counts as a whole one. */
export function parseSecondsMs(text: string): number | null {
  return SECONDS.test(text) ? Math.ceil(Number(text) * 1000) : null
}

/** `wait`: seconds or `forever`; `undefined` (absent) is 0. Infinity for more than is allowed. */
export function parseWaitMs(text: string | undefined): number | null {
  if (text === undefined) return 0
  if (text === 'forever') return WAIT_FOREVER_MS
  const waitMs = parseSecondsMs(text)
  return waitMs !== null && waitMs > WAIT_MAX_MS ? Number.POSITIVE_INFINITY : waitMs
}

export function parseYesNo(text: string | undefined): boolean | null {
  if (text === undefined || text === 'no') return false
  return text === 'yes' ? true : null
}

/** A whole number from 0 on that a JavaScript number holds exactly. */
export function parseInteger(text: string): number | null {
  if (!INTEGER.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

/** Seconds as the protocol writes them. */
export function formatSeconds(ms: number): number {
  return Math.round(ms) / 1000
}

/** `wait` as a request says it: left out for 0, `forever` for Infinity. */
export function formatWait(waitMs: number): number | 'forever' | undefined {
  if (waitMs === 0) return undefined
  return waitMs === Number.POSITIVE_INFINITY ? 'forever' : formatSeconds(waitMs)
}
