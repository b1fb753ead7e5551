/** What holds of one name bear beside each other (docs/protocol.md, Who is next), written down once more for the checks. */
import { EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'

/** Whether these can be held at once; `limit` 0: of a plain lock. */
export function areCompatible(amounts: readonly number[], limit: number): boolean {
  if (amounts.length <= 1) return true
  if (amounts.some((amount) => amount === EXCLUSIVE)) return false
  if (limit === 0) return amounts.every((amount) => amount === SHARED)
  return amounts.reduce((sum, amount) => sum + amount, 0) <= limit
}
