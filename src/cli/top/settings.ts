/** What the person at the keys has chosen, and what a key changes of it. */
import { isNamePrefix } from '../../protocol/values.js'
import { FILTER_MAX_CHARS, INTERVAL_MAX_MS, INTERVAL_MIN_MS } from './limits.js'

/** `both`: the most contended and the oldest waiters, one below the other. */
export const ORDERS = ['both', 'waiters', 'oldest', 'held', 'name'] as const
export type Order = (typeof ORDERS)[number]

export interface Settings {
  readonly order: Order
  /** Only names that begin with it. */
  readonly filter: string
  /** The filter while it is typed; null: keys are commands. */
  readonly typing: string | null
  readonly paused: boolean
  readonly help: boolean
  readonly intervalMs: number
  /** Rows of the table that are above the screen. */
  readonly scrolled: number
}

export type KeyEffect = Settings | 'quit' | 'interrupt' | 'stop' | 'refresh'

/** As `node:readline` names keys. */
export interface Key {
  readonly name?: string | undefined
  readonly sequence?: string | undefined
  readonly ctrl?: boolean | undefined
}

export function press(settings: Settings, key: Key): KeyEffect {
  if (key.ctrl === true) {
    if (key.name === 'c') return 'interrupt'
    if (key.name === 'z') return 'stop'
    if (key.name === 'l') return 'refresh'
  }
  return settings.typing === null ? command(settings, key) : type(settings, settings.typing, key)
}

const ORDER_KEYS: Readonly<Record<string, Order>> = { b: 'both', w: 'waiters', o: 'oldest', h: 'held', n: 'name' }

function command(settings: Settings, { name = '', sequence = '' }: Key): KeyEffect {
  const order = ORDER_KEYS[sequence]
  if (order !== undefined) return { ...settings, order, scrolled: 0 }
  switch (sequence) {
    case 'q':
      return 'quit'
    case 's':
      return { ...settings, order: ORDERS[(ORDERS.indexOf(settings.order) + 1) % ORDERS.length] ?? 'both', scrolled: 0 }
    case '/':
      return { ...settings, typing: settings.filter }
    case 'p':
      return { ...settings, paused: !settings.paused }
    case '?':
      return { ...settings, help: !settings.help }
    case '+':
      return { ...settings, intervalMs: Math.max(INTERVAL_MIN_MS, settings.intervalMs / 2) }
    case '-':
      return { ...settings, intervalMs: Math.min(INTERVAL_MAX_MS, settings.intervalMs * 2) }
    case ' ':
      return 'refresh'
  }
  switch (name) {
    case 'escape':
      return { ...settings, filter: '', help: false, scrolled: 0 }
    case 'up':
      return { ...settings, scrolled: Math.max(0, settings.scrolled - 1) }
    case 'down':
      return { ...settings, scrolled: settings.scrolled + 1 }
    case 'pageup':
      return { ...settings, scrolled: Math.max(0, settings.scrolled - PAGE_ROWS) }
    case 'pagedown':
      return { ...settings, scrolled: settings.scrolled + PAGE_ROWS }
    default:
      return settings
  }
}

const PAGE_ROWS = 10

function type(settings: Settings, typed: string, { name = '', sequence = '' }: Key): KeyEffect {
  if (name === 'return' || name === 'enter') return { ...settings, filter: typed, typing: null, scrolled: 0 }
  if (name === 'escape') return { ...settings, typing: null }
  if (name === 'backspace') return { ...settings, typing: typed.slice(0, -1) }
  // What is pasted may be long, and hold anything.
  const longer = typed + sequence
  if (longer.length > FILTER_MAX_CHARS || !isNamePrefix(longer)) return settings
  return { ...settings, typing: longer }
}
