/** What this node says of itself to its peers, what they said to it, and what it makes of their refusals. */
import type { Random } from '../../../platform.js'
import { ForgottenError, type Identity, type LoadedLog, StoreError } from '../../ports/store.js'
import {
  type Held,
  type HelloVerdict,
  type PeerHello,
  type Refusal,
  RefusalCode,
  type Refuser,
} from '../../ports/transport.js'
import type { RaftNodeOptions } from '../options.js'
import { formationHash } from './bootstrap.js'
import type { Knowledge } from './certainty.js'
import { type AdmissionView, isBelieved, judgePeer } from './peer-verdict.js'

const PROCESS_ID_BYTES = 12

/** How the node stands when it is asked who it is. */
export interface Standing extends Pick<AdmissionView, 'phase' | 'leads' | 'forgottenBy'> {
  readonly identity: Identity | null
  /** Of the cluster that it is in, or is about to form; empty before. */
  readonly clusterId: string
  isMember(nodeId: string): boolean
  /** Whether what this node knows of the peer's membership is the cluster's word and not only its own. */
  knowledgeOf(peer: PeerHello): Knowledge
}

export class Introductions {
  /** Of whoever is connected, or was last. */
  readonly #lastHellos = new Map<string, PeerHello>()
  readonly #processId: string
  readonly #held: Held

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly standing: () => Standing,
  ) {
    this.#processId = randomProcessId(options.random)
    this.#held = heldBy(options.store.loaded)
  }

  hello(): PeerHello {
    const { identity, clusterId } = this.standing()
    const { nodeId, memberUid, founders, programLevel, store } = this.options
    return {
      clusterId,
      nodeId,
      raftId: identity?.raftId ?? 0,
      memberUid,
      listHash: formationHash(founders, store.seed),
      empty: identity === null,
      level: programLevel,
      processId: this.#processId,
      held: this.#held,
    }
  }

  judge(peer: PeerHello, wasDialled: boolean): HelloVerdict {
    const { phase, leads, forgottenBy, knowledgeOf } = this.standing()
    const view: AdmissionView = {
      hello: this.hello(),
      leads,
      // Whom this node dialled does not believe a final word, so a quorum need not be asked about it.
      knowledge: () => (wasDialled ? 'unsure' : knowledgeOf(peer)),
      admitsOnlyMembers: this.options.arePeersVerified === true && !wasDialled,
      phase,
      member: (nodeId) => this.options.member(nodeId),
      forgottenBy,
    }
    return judgePeer(view, peer)
  }

  /** What a refusal means for this node; null: it tries again. */
  verdictOf(refusal: Refusal, by: Refuser): StoreError | null {
    const { identity, isMember } = this.standing()
    if (!isBelieved({ clusterId: identity?.clusterId ?? null, isMember }, refusal, by)) return null
    if (refusal.code === RefusalCode.forgotten) return new ForgottenError(`${by.nodeId} says: ${refusal.message}`)
    return new StoreError('foreign', `${by.nodeId} refused this node: ${refusal.message}`)
  }

  up(peer: PeerHello): void {
    this.#lastHellos.set(peer.nodeId, peer)
  }

  down(nodeId: string): void {
    if (!this.standing().isMember(nodeId)) this.#lastHellos.delete(nodeId)
  }

  /** Of the process that is connected under this node id, or was last. */
  lastHello(nodeId: string): PeerHello | null {
    return this.#lastHellos.get(nodeId) ?? null
  }

  /** Former members that are gone as well are forgotten. */
  membersChanged(): void {
    const { isMember } = this.standing()
    for (const nodeId of this.#lastHellos.keys()) {
      if (!isMember(nodeId) && !this.options.transport.isUp(nodeId)) this.#lastHellos.delete(nodeId)
    }
  }
}

const randomProcessId = (random: Random): string => Buffer.from(random.bytes(PROCESS_ID_BYTES)).toString('hex')

function heldBy({ hardState: { term, vote }, entries, prevIndex, snapshot }: LoadedLog): Held {
  return { term, vote, lastIndex: Math.max(prevIndex + entries.length, snapshot?.index ?? 0) }
}
