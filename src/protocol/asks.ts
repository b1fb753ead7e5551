/**
 * How a line says what it asks of one name: `X` as the line asks, `X@shared`, `X@exclusive`, or `X@2/5` for two of a
 * semaphore's five permits. `lock` lines have it, and so do `--lock-name` and the library. A name holds no `@`.
 */
import { isLockName, parseInteger } from './values.js'

export type NamedAsk = { readonly mode: 'exclusive' | 'shared' } | { readonly permits: number; readonly limit: number }

export interface AskText {
  readonly name: string
  /** What stands behind the name; null: nothing does. */
  readonly own: NamedAsk | null
}

/** `name`: that is no lock name; `ask`: what stands behind it is nothing that can be asked. */
export type AskFault = 'name' | 'ask'

const PERMITS = /^(\d+)\/(\d+)$/

export function parseAsk(text: string): AskText | AskFault {
  const at = text.indexOf('@')
  const name = at < 0 ? text : text.slice(0, at)
  if (!isLockName(name)) return 'name'
  if (at < 0) return { name, own: null }
  const asked = text.slice(at + 1)
  if (asked === 'shared' || asked === 'exclusive') return { name, own: { mode: asked } }
  const [, permitsText = '', limitText = ''] = PERMITS.exec(asked) ?? []
  const [permits, limit] = [parseInteger(permitsText), parseInteger(limitText)]
  return permits === null || limit === null || permits === 0 || limit === 0 ? 'ask' : { name, own: { permits, limit } }
}

/** `NAME@TOKEN`: one hold, as `holding` and `TNL_HELD` name it. Null for anything else. */
export function parseHoldName(text: string): { readonly name: string; readonly token: number } | null {
  const at = text.indexOf('@')
  const name = text.slice(0, Math.max(0, at))
  const token = parseInteger(text.slice(at + 1))
  return isLockName(name) && token !== null ? { name, token } : null
}
