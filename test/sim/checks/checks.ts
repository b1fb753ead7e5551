/** All checks of a run in one place. */
import { PRESENT, type Program } from '../program.js'
import type { World } from '../world.js'
import { ConfigCheck } from './config-check.js'
import { LockCheck } from './lock-check.js'
import { LogCheck } from './log-check.js'
import { QueueCheck } from './queue-check.js'
import { ReadCheck } from './read-check.js'
import { RightCheck } from './right-check.js'
import { StoreCheck } from './store-check.js'
import { VoteCheck } from './vote-check.js'
import { WitnessCheck } from './witness-check.js'

/** Configurations under which an entry may have been committed: the one in force, and the one before a change just applied. */
const RECENT_CONFIGS = 2

export class Checks {
  readonly log: LogCheck
  readonly store: StoreCheck
  readonly locks: LockCheck
  readonly queues: QueueCheck
  readonly configs: ConfigCheck
  readonly rights: RightCheck
  readonly reads: ReadCheck
  readonly votes: VoteCheck
  readonly witnesses = new WitnessCheck()
  readonly #leaders = new Map<number, string>()
  /** Each time a leader of the highest term so far was seen: what was applied somewhere by then. */
  readonly #records: { readonly term: number; readonly committed: number }[] = []

  constructor(
    private readonly world: World,
    names: readonly string[],
    /** The newest that any node runs. */
    program: Program = PRESENT,
  ) {
    this.configs = new ConfigCheck(world, () => this.log.lastIndex)
    this.rights = new RightCheck(world, () => this.log.lastIndex)
    this.reads = new ReadCheck(world, () => this.log.lastIndex)
    this.votes = new VoteCheck(world)
    this.store = new StoreCheck(world, (volume, entries) => this.configs.stored(volume, entries))
    const onEntry = (index: number): void => {
      this.configs.committed(this.store.committed(index, this.log.confStates.slice(-RECENT_CONFIGS)))
      this.locks.afterEntry()
      if (this.log.reference !== null) this.queues.afterEntry(this.log.reference)
    }
    this.log = new LogCheck(world, this.configs, onEntry, program)
    this.locks = new LockCheck(world, names, () => this.log.reference)
    this.queues = new QueueCheck(world, names)
  }

  /**
   * At most one leader in a term (I1), and it has everything that was committed in earlier ones (I3). A candidate that
   * slept may come to lead an old term when later ones have committed more: that is allowed.
   */
  leads(node: string, term: number, lastIndex: number): void {
    const known = this.#leaders.get(term)
    this.#leaders.set(term, node)
    if (known !== undefined) {
      if (known !== node) this.world.fail(`${known} and ${node} both lead term ${term}`)
      return
    }
    this.world.count('leader elected')
    const required = this.#records.find((record) => record.term > term)?.committed ?? this.log.lastIndex
    if (lastIndex < required) {
      this.world.fail(`${node} leads term ${term} with ${lastIndex} entries, ${required} were committed before`)
    }
    if (term > (this.#records.at(-1)?.term ?? 0)) this.#records.push({ term, committed: this.log.lastIndex })
  }
}
