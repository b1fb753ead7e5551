/**
 * What a `lock` line asks for: every `name:X`, in the line's `mode`, for its `permits` of its `limit`, or as stands behind the
 * name (`X@shared`, `X@2/5`).
 */
import { SERVICE_LEVEL } from '../../../feature-level.js'
import { type Ask, EXCLUSIVE, SHARED } from '../../../locks/commands/commands.js'
import { NAMES_PER_REQUEST_MAX, PERMITS_MAX } from '../../../locks/limits.js'
import { type NamedAsk, parseAsk } from '../../../protocol/asks.js'
import type { Line } from '../../../protocol/line.js'
import { BAD_NAME_TEXT, fail, readPositive } from './values.js'

type Amount = Omit<Ask, 'name'>

/** In the order asked. Throws RequestError. */
export function readAsks(line: Line): readonly Ask[] {
  const names = line.all('name')
  if (names.length > NAMES_PER_REQUEST_MAX) fail('limit', `name: at most ${NAMES_PER_REQUEST_MAX} in one request`)
  const ofLine = readLineAmount(line)
  if (names.length <= 1) return [readAsk(names[0] ?? '', ofLine)]
  const asks = names.map((text) => readAsk(text, ofLine))
  const seen = new Set<string>()
  for (const { name } of asks) {
    if (seen.has(name)) fail('bad-request', `name: ${name} is asked for twice`)
    seen.add(name)
  }
  return asks
}

function readAsk(text: string, ofLine: Amount): Ask {
  const ask = parseAsk(text)
  if (ask === 'name') return fail('bad-name', BAD_NAME_TEXT)
  if (ask === 'ask') return fail('bad-request', 'name: X@shared, X@exclusive, or X@P/L with P and L from 1 on')
  return { name: ask.name, ...(ask.own === null ? ofLine : amountOf(ask.own)) }
}

function readLineAmount(line: Line): Amount {
  const mode = line.get('mode')
  if (!line.has('limit')) {
    if (line.has('permits')) fail('bad-request', 'permits: needs limit')
    if (mode !== undefined && mode !== 'exclusive' && mode !== 'shared')
      fail('bad-request', 'mode: exclusive or shared')
    return amountOf({ mode: mode === 'shared' ? 'shared' : 'exclusive' })
  }
  if (mode !== undefined) fail('bad-request', 'mode: not together with limit')
  const limit = readPositive(line, 'limit')
  return amountOf({ limit, permits: line.has('permits') ? readPositive(line, 'permits') : 1 })
}

/** Whether there are so many permits at all is for the state to say: the limit in force may be another one. */
function amountOf(own: NamedAsk): Amount {
  if ('mode' in own) return { amount: own.mode === 'shared' ? SHARED : EXCLUSIVE, limit: 0 }
  for (const [key, value] of Object.entries(own)) {
    if (value > PERMITS_MAX) fail('limit', `${key}: at most ${PERMITS_MAX}`)
  }
  return { amount: own.permits, limit: own.limit }
}

/** What of its names a cluster of the first level has no words for; null: nothing. */
export function needsServiceLevel(line: Line): string | null {
  const names = line.all('name')
  const own = names.find((name) => name.includes('@') && parseAsk(name) !== 'name')
  if (own !== undefined) return `${own} needs level ${SERVICE_LEVEL}`
  return names.length > 1 ? `more than one name needs level ${SERVICE_LEVEL}` : null
}
