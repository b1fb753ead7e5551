/** Durations for people, in the two largest units that say something: `8.3 s`, `95 s`, `3 min 20 s`, `2 h 5 min`, `4 d 7 h`. */

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const
/** From so many of its own on a unit is used: `95 s` and `119 min` read well enough. */
const SMALLEST_COUNT = 2
const DECIMALS_BELOW_S = 10

/** How long something has lasted: no longer than it has. */
export function ageWords(ms: number): string {
  return inWords(ms, Math.floor)
}

/** How long something may last at most: no shorter than it may. */
export function boundWords(ms: number): string {
  return inWords(ms, Math.ceil)
}

function inWords(ms: number, round: (count: number) => number): string {
  const tenths = round(Math.max(0, ms) / 100)
  if (tenths < DECIMALS_BELOW_S * 10) return `${tenths / 10} s`
  const exact = Math.max(0, ms) / 1000
  for (const [at, [unit, unitSeconds]] of UNITS.entries()) {
    if (exact < SMALLEST_COUNT * unitSeconds) continue
    const [smaller, smallerSeconds] = UNITS[at + 1] ?? [unit, unitSeconds]
    // Rounded where it ends, so that 7,199.5 s is `2 h`, and never `119 min 60 s`.
    const seconds = round(exact / smallerSeconds) * smallerSeconds
    const count = Math.floor(seconds / unitSeconds)
    const rest = Math.round((seconds - count * unitSeconds) / smallerSeconds)
    return rest === 0 || smaller === unit ? `${count} ${unit}` : `${count} ${unit} ${rest} ${smaller}`
  }
  return `${round(exact)} s`
}
