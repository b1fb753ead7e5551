import type { HardState } from '../../../../src/raft/core/types.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import type { LogState } from './log-state.js'
import { type Operation, RECORD_NAMES, type SnapshotRef } from './operations.js'

const NODES = 3

/** Chooses what the writer does next: anything that a node could do. */
export class Choices {
  readonly #random: SeededRandom
  readonly #state: LogState
  /** The newest snapshot of the log. */
  #snapshot: number
  /** Received, and not installed yet. */
  #received: SnapshotRef | null = null

  constructor(random: SeededRandom, state: LogState, newestSnapshot: number) {
    this.#random = random
    this.#state = state
    this.#snapshot = newestSnapshot
  }

  next(): Operation {
    const operation = this.#choose()
    this.#state.apply(operation)
    if (operation.kind === 'save' || operation.kind === 'install') {
      this.#snapshot = operation.snapshot.index
      this.#received = null
    }
    if (operation.kind === 'receive') this.#received = operation.snapshot
    return operation
  }

  #choose(): Operation {
    const random = this.#random
    const { identity, hardState } = this.#state
    if (identity === null && random.chance(0.5)) return this.#identity()
    if (hardState.term === 0) return this.#append()
    const roll = random.float()
    if (roll < 0.06) return this.#hardStateOnly()
    if (roll < 0.14) return this.#commitOnly()
    if (roll < 0.22) return this.#record()
    if (roll < 0.28 && hardState.commit > this.#snapshot) return { kind: 'save', snapshot: this.#at(hardState.commit) }
    if (roll < 0.32) {
      const most = Math.min(hardState.commit, this.#snapshot)
      if (most > this.#state.compactedTo)
        return { kind: 'compact', index: this.#upTo(this.#state.compactedTo + 1, most) }
    }
    if (roll < 0.36) return this.#receiveOrInstall()
    return this.#append()
  }

  #append(): Operation {
    const random = this.#random
    const state = this.#state
    // A kill may come when the snapshot of an entry is written and the commit index, which alone needs no sync, is not.
    const committed = Math.max(state.hardState.commit, this.#snapshot)
    const isReplacing = random.chance(0.15) && state.lastIndex > committed
    const oldest = Math.max(committed, state.compactedTo, state.lastIndex - 8) + 1
    const first = isReplacing ? this.#upTo(oldest, state.lastIndex) : state.lastIndex + 1
    const term = state.hardState.term + (isReplacing || random.chance(0.1) || state.hardState.term === 0 ? 1 : 0)
    const count = 1 + random.int(random.chance(0.1) ? 30 : 4)
    const last = first + count - 1
    const commit = random.chance(0.6) ? this.#upTo(state.hardState.commit, last) : state.hardState.commit
    const isAsBefore = term === state.hardState.term && commit === state.hardState.commit
    return {
      kind: 'append',
      hardState: isAsBefore ? null : { term, vote: this.#voteIn(term), commit },
      first,
      terms: Array.from({ length: count }, () => term),
      bytes: this.#entryBytes(),
      salt: random.int(2 ** 31),
    }
  }

  /** Mostly small; now and then around the size of a slot of the journal, or larger. */
  #entryBytes(): number {
    const random = this.#random
    const roll = random.float()
    if (roll < 0.8) return random.int(200)
    if (roll < 0.94) return random.int(8_000)
    return random.int(40_000)
  }

  #hardStateOnly(): Operation {
    const { term, commit } = this.#state.hardState
    const next = term + this.#random.int(3)
    return this.#hardStateOf({ term: next, vote: this.#voteIn(next), commit })
  }

  #commitOnly(): Operation {
    const { hardState, lastIndex } = this.#state
    return this.#hardStateOf({ ...hardState, commit: this.#upTo(hardState.commit, lastIndex) })
  }

  #hardStateOf(hardState: HardState): Operation {
    return { kind: 'append', hardState, first: this.#state.lastIndex + 1, terms: [], bytes: 0, salt: 0 }
  }

  #voteIn(term: number): number {
    const { hardState } = this.#state
    if (term === hardState.term && hardState.vote !== 0) return hardState.vote
    return this.#random.int(NODES + 1)
  }

  #record(): Operation {
    const random = this.#random
    const bytes = random.chance(0.2) ? null : random.int(300)
    return { kind: 'record', name: random.pick(RECORD_NAMES), bytes, salt: random.int(2 ** 31) }
  }

  #identity(): Operation {
    const uid = String(this.#random.int(2 ** 31))
    return { kind: 'identity', identity: { clusterId: `c${uid}`, nodeId: 'n1', raftId: 1, memberUid: uid } }
  }

  #receiveOrInstall(): Operation {
    const random = this.#random
    const { hardState, lastIndex } = this.#state
    const received = this.#received
    if (received !== null && received.index >= hardState.commit && received.index > this.#snapshot) {
      const term = hardState.term + random.int(2)
      const next = { term, vote: this.#voteIn(term), commit: Math.max(hardState.commit, received.index) }
      return { kind: 'install', snapshot: received, hardState: random.chance(0.5) ? next : null }
    }
    const index = Math.max(1, this.#snapshot + 1, this.#upTo(hardState.commit, lastIndex + 10))
    const snapshot = index > lastIndex ? { index, term: hardState.term } : this.#at(index)
    if (random.chance(0.4)) return { kind: 'receive-in-vain', snapshot, isDamaged: random.chance(0.5) }
    return { kind: 'receive', snapshot }
  }

  #at(index: number): SnapshotRef {
    return { index, term: this.#state.termAt(index) }
  }

  #upTo(low: number, high: number): number {
    return low + this.#random.int(high - low + 1)
  }
}
