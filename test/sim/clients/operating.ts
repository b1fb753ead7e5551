/** What an operator asks for in the session dialect: holds broken, limits changed, prefixes frozen. Drawn. */
import type { ClientWorld } from './client.js'

/** All names, and such as begin with a letter. */
const PREFIXES = ['', 'a', 'b', 's']
const LIMITS = [1, 2, 3, 4, 5]
/** A freeze ends by itself: nobody may be left to thaw it. */
const FREEZE_MAX_S = 8
const NOW_CHANCE = 0.2

/** Null if there is nothing to do. `wallMs`: by the operator's clock. */
export function drawOperation({ world, checks, semaphores }: ClientWorld, wallMs: number): string | null {
  const { random } = world
  const dice = random.float()
  if (dice < 0.45) {
    const hold = checks.holds.pick(random)
    if (hold === null) return null
    const now = random.chance(NOW_CHANCE) ? ',now:yes' : ''
    return `.force-release name:${hold.name},token:${hold.token},reason:a test${now}`
  }
  if (dice < 0.6) {
    if (semaphores.length === 0) return null
    const change = random.chance(0.2) ? 'reset:yes' : `limit:${random.pick(LIMITS)}`
    return `.resize name:${random.pick(semaphores)},${change}`
  }
  const prefix = random.pick(PREFIXES)
  if (dice < 0.78) {
    const until = Math.ceil(wallMs / 1_000) + 1 + random.int(FREEZE_MAX_S)
    return `.freeze prefix:${prefix},until:${until},reason:a test`
  }
  if (dice < 0.94) return `.thaw prefix:${prefix}`
  const key = checks.marks.pick(random)
  return key === null ? null : `.forget key:${key}`
}
