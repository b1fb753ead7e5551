import { REMEMBERED_REFUSALS } from '../../limits.js'
import type { PeerHello } from '../../ports/transport.js'
import type { ReadDone } from '../reads/reads.js'

/** A read that sees all that was committed before it was asked for, or says that it cannot. */
export interface Reader {
  read(done: ReadDone): void
}

/**
 * `sure`: what this node has applied is what a quorum says. `unsure`: no quorum has answered yet; the peer may ask again.
 * `alone`: there is no quorum that this node could ask.
 */
export type Knowledge = 'sure' | 'unsure' | 'alone'

/**
 * When a node may turn a peer away for good: when it has applied what a quorum said was committed after the peer had asked.
 * Otherwise it may simply not know yet that the peer was added. Followers find out through the leader: a node with an
 * empty directory knows no others than those of its `--cluster`, and none of these may lead.
 */
export class Certainty {
  /** By peer: whether the read that was asked for because of it is done. */
  readonly #reads = new Map<string, 'asked' | Knowledge>()

  constructor(private readonly node: Reader) {}

  /** Unsure when first asked: the peer tries again, and the quorum has answered by then. Serves one answer. */
  about({ nodeId, raftId, memberUid }: PeerHello): Knowledge {
    const key = `${nodeId} ${raftId} ${memberUid}`
    const read = this.#reads.get(key)
    if (read === 'asked') return 'unsure'
    if (read !== undefined) {
      this.#reads.delete(key)
      return read
    }
    if (this.#reads.size >= REMEMBERED_REFUSALS) this.#reads.clear()
    this.#reads.set(key, 'asked')
    this.node.read((outcome) => this.#reads.set(key, outcome === 'current' ? 'sure' : 'alone'))
    return 'unsure'
  }
}
