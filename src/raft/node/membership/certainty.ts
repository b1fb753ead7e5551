import { REMEMBERED_REFUSALS } from '../../limits.js'
import type { PeerHello } from '../../ports/transport.js'
import type { ReadDone } from '../reads/reads.js'

/** A read that sees all that was committed before it was asked for, or says that it cannot. */
export interface Reader {
  read(done: ReadDone): void
}

/**
 * When a node may turn a peer away for good: when it has applied what a quorum said was committed after the peer had asked.
 * Otherwise it may simply not know yet that the peer was added. Followers find out through the leader: a node with an
 * empty directory knows no others than those of its `--cluster`, and none of these may lead.
 */
export class Certainty {
  /** By peer: whether the read that was asked for because of it is done. */
  readonly #reads = new Map<string, 'asked' | 'done'>()

  constructor(private readonly node: Reader) {}

  /** False when first asked: the peer tries again, and the quorum has answered by then. Serves one answer. */
  about({ nodeId, raftId, memberUid }: PeerHello): boolean {
    const key = `${nodeId} ${raftId} ${memberUid}`
    const read = this.#reads.get(key)
    if (read === 'done') this.#reads.delete(key)
    if (read !== undefined) return read === 'done'
    if (this.#reads.size >= REMEMBERED_REFUSALS) this.#reads.clear()
    this.#reads.set(key, 'asked')
    this.node.read((outcome) => {
      if (outcome === 'current') this.#reads.set(key, 'done')
      else this.#reads.delete(key)
    })
    return false
  }
}
