/** Reads the values of a session's lines. A wrong one ends as a RequestError, which names the key. */
import type { RequestId } from '../../../locks/commands/commands.js'
import { REQUEST_ID_LIMIT } from '../../../locks/limits.js'
import type { ErrorCode } from '../../../protocol/error-codes.js'
import type { Line } from '../../../protocol/line.js'
import { isLockName, isNamePrefix, parseInteger, parseSecondsMs, parseYesNo } from '../../../protocol/values.js'
import { RequestError } from './request.js'

export function fail(code: ErrorCode, message: string): never {
  throw new RequestError(code, message)
}

export const BAD_NAME_TEXT = 'a lock name is 1 to 255 of A-Z a-z 0-9 _ - . / and does not begin with . or /'

/** The one name of a line; only `lock` takes several. */
export function readName(line: Line): string {
  const [name = '', ...more] = line.all('name')
  if (more.length > 0) fail('bad-request', 'name: only one here')
  return isLockName(name) ? name : fail('bad-name', BAD_NAME_TEXT)
}

/** The beginning of names; `otherwise` when the key is absent, and null where it has to be there. */
export function readPrefix(line: Line, otherwise: string | null): string {
  const prefix = line.get('prefix') ?? otherwise
  if (prefix === null || !isNamePrefix(prefix)) {
    return fail('bad-request', 'prefix: the beginning of lock names, or empty for all')
  }
  return prefix
}

/** A token, or another whole number; `otherwise` when the key is absent. */
export function readNumber(line: Line, key: string, otherwise: number | null): number {
  const text = line.get(key)
  const value = text === undefined ? otherwise : parseInteger(text)
  if (value === null) return fail('bad-request', `${key}: a whole number`)
  return value
}

/** A whole number from 1 on. */
export function readPositive(line: Line, key: string): number {
  const value = readNumber(line, key, null)
  return value === 0 ? fail('bad-request', `${key}: from 1 on`) : value
}

/** False when the key is absent. */
export function readYesNo(line: Line, key: string): boolean {
  return parseYesNo(line.get(key)) ?? fail('bad-request', `${key}: yes or no`)
}

/** `id:N`, or null when the line has none. */
export function readId(line: Line): RequestId | null {
  return line.has('id') ? readRequestId(line, 'id') : null
}

export function readRequestId(line: Line, key: string): RequestId {
  const id = readNumber(line, key, null)
  if (id >= REQUEST_ID_LIMIT) fail('bad-request', `${key} is too large`)
  return id
}

/** Null when the key is absent. */
export function readSecondsMs(line: Line, key: string): number | null {
  const text = line.get(key)
  if (text === undefined) return null
  const ms = parseSecondsMs(text)
  return ms === null ? fail('bad-request', `${key}: seconds`) : ms
}

/** 0 when the key is absent. */
export function readBoundedMs(line: Line, key: string, maxMs: number): number {
  const ms = readSecondsMs(line, key) ?? 0
  return ms > maxMs ? fail('limit', `${key}: at most ${maxMs / 1000} seconds`) : ms
}
