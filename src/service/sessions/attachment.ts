/** The place that one connection of this node has, or is about to have, in the replicated state. */
import { CommandType, type ConnId, type RequestId, type SessionId, type Token } from '../../locks/commands/commands.js'
import type { Answer, LossReason, QueuedRequest, SessionView } from '../../locks/effects.js'

/** Why an opening opens nothing: no such session; another identity's; no room for another one; a resume with a higher `attempt` came before. */
export type OpeningRefusal =
  | { readonly kind: 'expired' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'full' }
  | { readonly kind: 'outdated'; readonly attempt: number }

/** The first name in the way of a request that waits. */
export type QueuedPlace = Pick<QueuedRequest, 'name' | 'position' | 'limit'>

/** The side of the connection: told what the applied state says about its session. */
export interface AttachmentListener {
  opened(): void
  resumed(view: SessionView): void
  /** The opening was applied, and opens nothing. */
  refused(refusal: OpeningRefusal): void
  queued(request: RequestId, place: QueuedPlace): void
  answered(request: RequestId, answer: Answer): void
  /** Another has counted so far: no more than this is left to the request. */
  waitLeft(request: RequestId, leftMs: number): void
  /** Told before anything else is said to the client: from here on a whole lease is counted (rule 12). */
  lost(name: string, token: Token, reason: LossReason): void
  /** The session is gone. */
  ended(): void
  /** The session is attached elsewhere, or gone for a reason that nobody can tell now (rule 9): close without a word. */
  displaced(): void
  /** What was to be decided by `attachment.decideByMs` is not. */
  timedOut(): void
  /** The state was replaced by a snapshot (rule 9) and the session is still here: `view` is all that is known now. */
  reconciled(view: SessionView): void
}

/**
 * How a session leaves its connection: it ends by its client's word or without it, it is detached for `linger` (a FIN), for its
 * lease (its client has lost its rights), or for the larger of the two (a break, silence, or this node closed). Only what ends by
 * `bye` leaves no delay (rule 5).
 */
export type DetachReason = 'bye' | 'end' | 'linger' | 'lease' | 'detach'

export const OpeningKind = { open: 'open', classic: 'classic', resume: 'resume' } as const
export type OpeningKind = (typeof OpeningKind)[keyof typeof OpeningKind]

export const KIND_OF_OPENING = {
  [CommandType.open]: OpeningKind.open,
  [CommandType.openClassic]: OpeningKind.classic,
  [CommandType.resume]: OpeningKind.resume,
} as const

export class Attachment {
  /** 0 until the opening is applied. */
  session: SessionId = 0
  attach = 0
  /** The number that the next command of this session gets (rule 10); the opening was 0. */
  nextNumber = 1
  /** Highest request id up to which the client has all answers; travels with the next command. */
  ack: RequestId = 0
  /** The encoded opening while it is not applied. */
  opening: Uint8Array | null
  /** Encoded commands that are not applied, in order; the last one has number `nextNumber - 1`. */
  unapplied: Uint8Array[] = []
  detachReason: DetachReason | null = null
  /** The encoded End or Detach, repeated until it is applied. */
  endCommand: Uint8Array | null = null
  proposedAtMs = 0
  /** How often it was proposed again since something of it was applied. */
  repeats = 0
  /** When the listener gives up waiting for a decision, on `takerNow`; 0: nothing to decide. */
  decideByMs = 0

  constructor(
    readonly conn: ConnId,
    readonly kind: OpeningKind,
    opening: Uint8Array | null,
    /** Null: nobody is there, and the attachment only waits to be given up. */
    public listener: AttachmentListener | null,
  ) {
    this.opening = opening
  }

  get settled(): boolean {
    return this.opening === null && this.unapplied.length === 0 && this.endCommand === null
  }

  /** Forgets commands up to number `n`, which are applied. Returns how many bytes they were. */
  applied(n: number): number {
    const first = this.nextNumber - this.unapplied.length
    if (n < first) return 0
    let bytes = 0
    for (const { length } of this.unapplied.splice(0, n - first + 1)) bytes += length
    return bytes
  }
}
