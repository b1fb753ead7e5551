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

  /** `becameSure`: whoever was let in because this node might have lagged may be sent to ask again. */
  constructor(
    private readonly node: Reader,
    private readonly becameSure: () => void,
  ) {}

  /** Unsure when first asked: the peer tries again, and the quorum has answered by then. An answer serves once. */
  about({ nodeId, raftId, memberUid }: PeerHello): Knowledge {
    const key = `${nodeId} ${raftId} ${memberUid}`
    const read = this.#reads.get(key)
    if (read === 'asked') return 'unsure'
    this.#reads.delete(key)
    if (read === 'sure') return read
    this.#ask(key)
    return read ?? 'unsure'
  }

  #ask(key: string): void {
    if (this.#reads.size >= REMEMBERED_REFUSALS) this.#reads.clear()
    this.#reads.set(key, 'asked')
    this.node.read((outcome) => {
      const isSure = outcome === 'current'
      this.#reads.set(key, isSure ? 'sure' : 'alone')
      if (isSure) this.becameSure()
    })
  }
}
