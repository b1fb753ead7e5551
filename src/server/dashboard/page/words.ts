/** Numbers and times as people read them. */

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `4.2 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds)
  if (s < 1) return `${Math.round(s * 1_000)} ms`
  if (s < 10) return `${s.toFixed(1)} s`
  if (s < MINUTE) return `${Math.floor(s)} s`
  if (s < HOUR) return two(s, MINUTE, 'min', 1, 's')
  return s < DAY ? two(s, HOUR, 'h', MINUTE, 'min') : two(s, DAY, 'd', HOUR, 'h')
}

function two(seconds: number, large: number, largeWord: string, small: number, smallWord: string): string {
  const rest = Math.floor((seconds % large) / small)
  return `${Math.floor(seconds / large)} ${largeWord}${rest === 0 ? '' : ` ${rest} ${smallWord}`}`
}

const grouped = new Intl.NumberFormat('en-US')
export const count = (value: number): string => grouped.format(value)

export const plural = (value: number, word: string, words = `${word}s`): string =>
  `${count(value)} ${value === 1 ? word : words}`

export function rate(perSecond: number): string {
  return perSecond >= 100 ? count(Math.round(perSecond)) : String(Number(perSecond.toFixed(1)))
}

/** Of the day where it was today, else with its date. */
export function clockTime(unixSeconds: number, now: number): string {
  const at = new Date(unixSeconds * 1_000)
  const time = at.toLocaleTimeString(undefined, { hour12: false })
  return new Date(now * 1_000).toDateString() === at.toDateString()
    ? time
    : `${at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })}, ${time}`
}

/** What is asked of a lock: nothing is said of the usual. */
export function modeWords({ mode, permits, limit }: ModeOf): string {
  if (mode === 'shared') return 'shared'
  if (mode === 'exclusive') return 'exclusive'
  return limit === undefined ? plural(permits ?? 1, 'permit') : `${permits ?? 1} of ${plural(limit, 'permit')}`
}

interface ModeOf {
  readonly mode: 'exclusive' | 'shared' | 'permits'
  readonly permits?: number
  readonly limit?: number
}

const ENDS: Readonly<Record<string, string>> = {
  released: 'released',
  bye: 'released, session closed',
  fin: 'connection closed',
  expired: 'lost: lease expired',
  'node-lost': 'lost: its node went down',
  ttl: 'lost: time to live over',
  forced: 'lost: broken by an operator',
  unlocked: 'unlocked',
}
export const endWords = (how: string): string => ENDS[how] ?? how
export const isLoss = (how: string): boolean => endWords(how).startsWith('lost')
