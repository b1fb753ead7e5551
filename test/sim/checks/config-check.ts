/** Membership (I14): quorums of consecutive configurations meet, and no log has two changes that are not committed. */
import {
  type ConfState,
  type Entry,
  EntryType,
  type Index,
  type RaftId,
  type Term,
} from '../../../src/raft/core/types.js'
import type { World } from '../world.js'

export class ConfigCheck {
  /** Membership changes in the log of each volume. */
  readonly #changes = new Map<string, Set<Index>>()

  /** Told when a joint configuration comes into force anywhere for the first time. */
  onJoint: () => void = () => undefined
  #change: 'entered' | 'left' | null = null
  #jointTerm = 0

  constructor(
    private readonly world: World,
    private readonly lastIndex: () => Index,
  ) {}

  changed(former: ConfState, next: ConfState): void {
    const [was, is] = [former.votersOutgoing.length > 0, next.votersOutgoing.length > 0]
    this.#change = was === is ? null : is ? 'entered' : 'left'
    if (this.#change === 'entered') this.onJoint()
    if (!quorumsMeet(former, next)) {
      this.world.fail(`quorums of ${JSON.stringify(former)} and ${JSON.stringify(next)} need not meet`)
    }
  }

  /** An entry of this term was applied; if it was a membership change, `changed` has been told. */
  committed(term: Term): void {
    if (this.#change === 'entered') {
      this.world.count('seen joint entered')
      this.#jointTerm = term
    } else if (this.#change === 'left' && term !== this.#jointTerm) {
      this.world.count('seen joint left by another leader')
    }
    this.#change = null
  }

  /** `entries` replace what the volume had from the first of them on. */
  stored(volume: string, entries: readonly Entry[]): void {
    const [first] = entries
    if (first === undefined) return
    const changes = this.#changes.get(volume) ?? new Set()
    this.#changes.set(volume, changes)
    // What was applied somewhere is committed.
    const committed = this.lastIndex()
    for (const index of changes) if (index >= first.index || index <= committed) changes.delete(index)
    for (const { index, type } of entries) {
      if (type !== EntryType.normal && index > committed) changes.add(index)
    }
    if (changes.size > 1) this.world.fail(`${volume} has uncommitted membership changes at ${[...changes].join(', ')}`)
  }
}

/** Whether every quorum of `one` shares a voter with every quorum of `other`. */
export function quorumsMeet(one: ConfState, other: ConfState): boolean {
  const all = [...new Set([one, other].flatMap(({ voters, votersOutgoing }) => [...voters, ...votersOutgoing]))]
  for (let set = 0; set < 2 ** all.length; set++) {
    const inside = new Set(all.filter((_, at) => (set >> at) & 1))
    const outside = new Set(all.filter((id) => !inside.has(id)))
    if (isQuorum(one, inside) && isQuorum(other, outside)) return false
  }
  return true
}

/** Joint: a majority of both halves. */
export function isQuorum({ voters, votersOutgoing }: ConfState, ids: ReadonlySet<RaftId>): boolean {
  return [voters, votersOutgoing].every(
    (half) => half.length === 0 || 2 * half.filter((id) => ids.has(id)).length > half.length,
  )
}
