/** All checks of a run in one place. */
import type { World } from '../world.js'
import { ConfigCheck } from './config-check.js'
import { LockCheck } from './lock-check.js'
import { LogCheck } from './log-check.js'
import { RightCheck } from './right-check.js'
import { StoreCheck } from './store-check.js'

/** Configurations under which an entry may have been committed: the one in force, and the one before a change just applied. */
const RECENT_CONFIGS = 2

export class Checks {
  readonly log: LogCheck
  readonly store: StoreCheck
  readonly locks: LockCheck
  readonly configs: ConfigCheck
  readonly rights: RightCheck
  readonly #leaders = new Map<number, string>()

  constructor(
    private readonly world: World,
    names: readonly string[],
  ) {
    this.configs = new ConfigCheck(world, () => this.log.lastIndex)
    this.rights = new RightCheck(world, () => this.log.lastIndex)
    this.store = new StoreCheck(world, (volume, entries) => this.configs.stored(volume, entries))
    this.log = new LogCheck(world, this.configs, (index) => {
      this.configs.committed(this.store.committed(index, this.log.confStates.slice(-RECENT_CONFIGS)))
      this.locks.afterEntry()
    })
    this.locks = new LockCheck(world, names, () => this.log.reference, this.log.queues)
  }

  /** At most one leader in a term (I1), and it has everything that was committed before (I3). */
  leads(node: string, term: number, lastIndex: number): void {
    const known = this.#leaders.get(term)
    this.#leaders.set(term, node)
    if (known === undefined) {
      this.world.count('leader elected')
      if (lastIndex < this.log.lastIndex) {
        this.world.fail(`${node} leads term ${term} with ${lastIndex} entries, ${this.log.lastIndex} are committed`)
      }
    } else if (known !== node) this.world.fail(`${known} and ${node} both lead term ${term}`)
  }
}
