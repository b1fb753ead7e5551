/** What a `lock` line says beside what it asks for: for how long it waits, what it keeps meanwhile, what the hold will be like. */
import { utf8Length } from '../../../bytes/utf8.js'
import type { AskTerms, Kept } from '../../../locks/commands/commands.js'
import {
  DELAY_MAX_MS,
  KEPT_MAX,
  META_MAX_BYTES,
  MIN_HOLD_MAX_MS,
  ONCE_TTL_MAX_MS,
  TTL_MAX_MS,
} from '../../../locks/limits.js'
import { parseHoldName } from '../../../protocol/asks.js'
import type { Line } from '../../../protocol/line.js'
import { isLockName, parseWaitMs } from '../../../protocol/values.js'
import { fail, readBoundedMs, readYesNo } from './values.js'

/** `mayNameAnyones`: whether the client may say that it keeps other people's holds of these names. Throws RequestError. */
export function readTerms(line: Line, wallMs: number, mayNameAnyones: (names: readonly string[]) => boolean): AskTerms {
  const ttlMs = readTime(line, 'ttl', TTL_MAX_MS)
  const loose = readYesNo(line, 'loose')
  if (loose && ttlMs === 0) fail('bad-request', 'loose: needs ttl')
  const waitMs = readWait(line)
  const meta = readMeta(line)
  const delayMs = readBoundedMs(line, 'delay', DELAY_MAX_MS)
  const minHoldMs = readBoundedMs(line, 'min-hold', MIN_HOLD_MAX_MS)
  const { once, onceTtlMs } = readOnce(line)
  const { keepsAll, keeps } = readHolding(line)
  const keepsAnyones = keeps.length > 0 && mayNameAnyones(keeps.map(({ name }) => name))
  return { waitMs, meta, delayMs, minHoldMs, ttlMs, loose, once, onceTtlMs, keepsAll, keeps, keepsAnyones, wallMs }
}

export function readWait(line: Line): number {
  const waitMs = parseWaitMs(line.get('wait'))
  if (waitMs === null) return fail('bad-request', 'wait: seconds or forever')
  return waitMs === Number.POSITIVE_INFINITY ? fail('limit', 'wait is too long: use wait:forever') : waitMs
}

export function readMeta(line: Line): string {
  const meta = line.get('meta') ?? ''
  return utf8Length(meta) > META_MAX_BYTES ? fail('limit', `meta: at most ${META_MAX_BYTES} bytes`) : meta
}

/** A time that a hold or a mark ends after; 0 when the key is absent, and refused where it is said. */
function readTime(line: Line, key: string, maxMs: number): number {
  const ms = readBoundedMs(line, key, maxMs)
  return ms === 0 && line.has(key) ? fail('bad-request', `${key}: more than 0 seconds`) : ms
}

/** A mark can be the name of a lock: `tnl-do --once KEY` locks KEY. */
function readOnce(line: Line): Pick<AskTerms, 'once' | 'onceTtlMs'> {
  const once = line.get('once')
  const onceTtlMs = readTime(line, 'once-ttl', ONCE_TTL_MAX_MS)
  if (once === undefined) return onceTtlMs > 0 ? fail('bad-request', 'once-ttl: needs once') : { once: '', onceTtlMs }
  if (!isLockName(once)) fail('bad-request', 'once: a key is written like the name of a lock')
  return { once, onceTtlMs }
}

function readHolding(line: Line): Pick<AskTerms, 'keepsAll' | 'keeps'> {
  const values = line.all('holding')
  const [first = 'all'] = values
  if (values.length <= 1 && (first === 'all' || first === 'none')) return { keepsAll: first === 'all', keeps: [] }
  if (values.length > KEPT_MAX) fail('limit', `holding: at most ${KEPT_MAX} in one request`)
  return { keepsAll: false, keeps: values.map(readKept) }
}

function readKept(text: string): Kept {
  return parseHoldName(text) ?? fail('bad-request', 'holding: all, none, or one NAME@TOKEN each')
}
