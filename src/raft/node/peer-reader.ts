import type { Message } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import type { RaftId } from '../core/types.js'
import { ForgottenError, type StoreError } from '../ports/store.js'
import { type PeerHello, PeerProtocolError, type Transport } from '../ports/transport.js'
import { type Begin, readBegin } from '../wire/control-messages.js'
import { decodeMessages } from '../wire/raft-codec.js'
import { checkBatch, decodeBatch } from './command-batch.js'
import type { MemberAddresses } from './membership/member-addresses.js'
import { Witnesses } from './membership/witnesses.js'
import { checkMessage, checkTerm, ForgottenLog } from './message-checks.js'
import type { CommandKind } from './options.js'

export interface PeerReaderDeps {
  readonly addresses: MemberAddresses
  readonly raftId: RaftId
  /** How the core stands, by which a message is checked. */
  readonly core: Pick<RawNode, 'term' | 'role' | 'lastIndex' | 'committed'>
  readonly transport: Transport
  /** What the process said of itself that is connected under this node id, or was last. */
  lastHello(nodeId: string): PeerHello | null
  judgeCommand(bytes: Uint8Array): CommandKind
  /** False for a message that this node has a reason to leave alone for the moment. */
  admits(message: Message): boolean
  onFatal(error: StoreError): void
}

/** Reads what the core and the log are to be given from peers: all of a frame is checked before any of it is used. */
export class PeerReader {
  /** Messages of a type, and commands of a level, that this program does not know (docs/operations/upgrade.md). */
  droppedMessages = 0

  readonly witnesses: Witnesses

  constructor(private readonly deps: PeerReaderDeps) {
    this.witnesses = new Witnesses(deps.raftId, deps.core)
  }

  /** A message counts only if it comes over the connection of the node that it names (A1). Throws PeerProtocolError. */
  messages(from: string, payload: Uint8Array): Message[] {
    const { addresses, raftId } = this.deps
    const sender = addresses.senderId(from)
    const messages = decodeMessages(payload, () => this.droppedMessages++).filter(
      (message) => message.from === sender && message.to === raftId,
    )
    for (const message of messages) this.#check(from, message)
    const hello = this.deps.lastHello(from)
    if (hello !== null) for (const message of messages) this.witnesses.heard(hello, message)
    return messages.filter((message) => this.deps.admits(message))
  }

  /** The beginning of a transfer; null if it is not from whom it names, or not for this node. Throws PeerProtocolError. */
  snapshot(from: string, payload: Uint8Array): Begin | null {
    const begin = readBegin(payload)
    checkTerm(begin.term, this.deps.core.term)
    if (begin.metadata.term > begin.term) throw new PeerProtocolError('malformed term of a snapshot')
    const { addresses, raftId } = this.deps
    return begin.from === addresses.senderId(from) && begin.to === raftId ? begin : null
  }

  /**
   * What is in the log must be applied by every member, so a leader reads it before. What is of a newer program is left out: a
   * leader that was put back, and has not read yet that the cluster rose above it, is told so by its own log soon, and whoever
   * proposed it does so again. Throws PeerProtocolError.
   */
  commands(payload: Uint8Array): Uint8Array[] {
    if (!checkBatch(payload)) throw new PeerProtocolError('malformed batch of commands')
    return decodeBatch(payload).filter((command) => {
      const kind = this.deps.judgeCommand(command)
      if (kind === 'garbage') throw new PeerProtocolError('malformed command')
      if (kind === 'newer') this.droppedMessages++
      return kind === 'command'
    })
  }

  #check(from: string, message: Message): void {
    const { core, transport, onFatal } = this.deps
    try {
      checkMessage(message, core)
    } catch (error) {
      if (!(error instanceof ForgottenLog)) throw error
      // Believed on the same terms as a final refusal: whoever dials this node could say it.
      if (transport.wasDialled(from)) onFatal(new ForgottenError(`${from} says: ${error.message}`))
      throw new PeerProtocolError(error.message, { cause: error })
    }
  }
}
