/**
 * Which label the metrics of a lock have: few, whatever names clients make up, since each label is a series in somebody's
 * memory. With `--metrics-prefixes`, the longest of them that the name begins with. Without, the name's first segment, for the
 * first fifty that were seen: `db/orders` and `db/users` are both `db`. All others are `other`. A label that was given is
 * never taken back: a counter that vanished and came again would be a counter that fell.
 *
 * Numbers of a label are for whoever may see all names that it counts. `team` as a first segment counts `team/x`, and `team2/x`
 * is another's; as one that was chosen it counts both.
 */
import { METRICS_PREFIXES_MAX_COUNT } from '../limits.js'

export const OTHER = 'other'

/** Which names somebody sees. */
export interface Sight {
  has(name: string): boolean
  /** Every name that begins so. */
  hasAllUnder(prefix: string): boolean
}

export class PrefixLabels {
  /** The longest first. */
  readonly #chosen: readonly string[]
  readonly #seen = new Set<string>()
  /** Of these, the ones that count a lock of just that name, without a `/`. */
  readonly #names = new Set<string>()

  /** Empty: by first segments. */
  constructor(chosen: readonly string[]) {
    this.#chosen = [...chosen].sort((a, b) => b.length - a.length)
  }

  of(name: string): string {
    if (this.#chosen.length > 0) return this.#chosen.find((prefix) => name.startsWith(prefix)) ?? OTHER
    const end = name.indexOf('/')
    const segment = end < 0 ? name : name.slice(0, end)
    if (!this.#seen.has(segment)) {
      if (this.#seen.size >= METRICS_PREFIXES_MAX_COUNT) return OTHER
      this.#seen.add(segment)
    }
    if (end < 0) this.#names.add(segment)
    return segment
  }

  /** Whether somebody who sees these names may be told what is counted under `label`. */
  isFor({ has, hasAllUnder }: Sight, label: string): boolean {
    if (label === OTHER) return false
    if (this.#chosen.length > 0) return hasAllUnder(label)
    return hasAllUnder(`${label}/`) && (!this.#names.has(label) || has(label))
  }
}
