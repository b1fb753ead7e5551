/**
 * What a request needs of the cluster's feature level (rules.md, Versions). Asked earlier it is refused before anything of it is
 * carried out: it is never half understood, and nothing of it is proposed.
 *
 *     export const watch = { action: 'watch', level: 2, perform }                    from level 2 on
 *     export const lock = { action: 'lock', keyLevels: { permits: 2 }, perform }     `lock` is older than its `permits`
 */
import type { Line } from '../../../protocol/line.js'

/** Of a request: what came after the first release. */
export interface LevelNeeds {
  /** From this level on there is the request; left out: from the first on. */
  readonly level?: number
  /** Keys of its line that came later. */
  readonly keyLevels?: Readonly<Record<string, number>>
  /** Values, as `mode:shared`, of a key that is older than them. */
  readonly valueLevels?: Readonly<Record<string, number>>
}

/** Words for what the cluster, which has the level `has`, cannot do yet; null: it can. */
export function lackOfLevel(
  { level = 0, keyLevels = NONE, valueLevels = NONE }: LevelNeeds,
  line: Line,
  has: number,
): string | null {
  if (level > has) return `${line.action} needs level ${level}`
  // Most often nothing is lacking, and this is asked for every line: so no lists are made to find that out.
  for (const key in keyLevels) {
    const needed = keyLevels[key] ?? 0
    if (needed > has && line.has(key)) return `${key} needs level ${needed}`
  }
  for (const pair in valueLevels) {
    const needed = valueLevels[pair] ?? 0
    if (needed <= has) continue
    const [key = '', value] = pair.split(':')
    if (line.get(key) === value) return `${key} needs level ${needed}`
  }
  return null
}

const NONE: Readonly<Record<string, number>> = {}
