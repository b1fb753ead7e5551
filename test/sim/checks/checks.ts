/** All checks of a run in one place. */
import { CommandType, type ForceRelease } from '../../../src/locks/commands/commands.js'
import { PRESENT, type Program } from '../program.js'
import type { World } from '../world.js'
import { ConfigCheck } from './config-check.js'
import { FreezeCheck } from './freeze-check.js'
import { HoldCheck } from './hold-check.js'
import { LockCheck } from './lock-check.js'
import { LogCheck } from './log-check.js'
import { LossCheck } from './loss-check.js'
import { MarkCheck } from './mark-check.js'
import { QueueCheck } from './queue-check.js'
import { ReadCheck } from './read-check.js'
import { RightCheck } from './right-check.js'
import { StoreCheck } from './store-check.js'
import { VoteCheck } from './vote-check.js'
import { WatchCheck } from './watch-check.js'
import { WitnessCheck } from './witness-check.js'

/** Configurations under which an entry may have been committed: the one in force, and the one before a change just applied. */
const RECENT_CONFIGS = 2
/** No two clocks of a run differ by more, and mostly by less. */
const MAX_CLOCK_RATE = 1.1

export class Checks {
  readonly log: LogCheck
  readonly store: StoreCheck
  readonly locks: LockCheck
  readonly queues: QueueCheck
  readonly holds: HoldCheck
  readonly marks: MarkCheck
  readonly freezes: FreezeCheck
  readonly losses: LossCheck
  readonly configs: ConfigCheck
  readonly rights: RightCheck
  readonly reads: ReadCheck
  readonly votes: VoteCheck
  readonly watches: WatchCheck
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
    this.marks = new MarkCheck(world)
    this.freezes = new FreezeCheck(world, () => this.log.reference)
    this.losses = new LossCheck(world)
    this.configs = new ConfigCheck(world, () => this.log.lastIndex)
    this.rights = new RightCheck(world, () => this.log.lastIndex)
    this.reads = new ReadCheck(world, () => this.log.lastIndex)
    this.votes = new VoteCheck(world)
    this.watches = new WatchCheck(world, () => this.log.reference)
    this.store = new StoreCheck(world, (volume, entries) => this.configs.stored(volume, entries))
    const onEntry = (index: number): void => {
      this.configs.committed(this.store.committed(index, this.log.confStates.slice(-RECENT_CONFIGS)))
      this.locks.afterEntry()
      this.holds.afterEntry()
      if (this.log.reference !== null) this.queues.afterEntry(this.log.reference)
    }
    const reference = () => this.log.reference
    this.log = new LogCheck(world, this.configs, onEntry, program)
    this.locks = new LockCheck(world, names, reference)
    this.queues = new QueueCheck(world, names)
    this.holds = new HoldCheck(world, names, reference, () => this.log.lastIndex, MAX_CLOCK_RATE)
    this.log.onCommand = (command) => {
      if (command.type === CommandType.forceRelease) this.#forced(command)
    }
    this.log.onEffect = (index, effect) => {
      if (effect.kind === 'lost') this.losses.lost(effect, index)
      else if (effect.kind === 'event') this.watches.event(effect)
      else if (effect.kind === 'frozen') this.freezes.frozen(effect)
    }
  }

  /** Before it is applied. Whom an operator does not wait for, and who is bound to no session, may believe on. */
  #forced({ name, token, now }: ForceRelease): void {
    const holds = this.log.reference?.inspect().locks.get(name)?.holds() ?? []
    const hold = [...holds].find((one) => one.token === token)
    if (hold === undefined) return
    this.holds.broken(token)
    if (now || hold.session === null) this.locks.disregard(token)
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
