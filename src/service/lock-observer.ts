/** Who counts what becomes of locks. It is told and changes nothing. */
import type { LockEvent } from '../locks/effects.js'

/** Why a request for a lock got none: as its client was told. */
export const REFUSALS = [
  'held',
  'queued',
  'delayed',
  'frozen',
  'timeout',
  'cancelled',
  'deadlock',
  'limit',
  'limit-mismatch',
  'busy',
  'no-quorum',
] as const
export type RefusedFor = (typeof REFUSALS)[number]

export interface LockObserver {
  /** An entry did this, and this node leads: each event is told by one node of the cluster, or by none while leaders change. */
  event(event: LockEvent): void
  /** Another node leads, and counts what happens to a lock of this name. */
  heardOf(name: string): void
  /** A client of this node got no lock; `name` is the one that was in the way, or the first asked. */
  refused(name: string, why: RefusedFor): void
}

export const NOBODY: LockObserver = { event: () => undefined, heardOf: () => undefined, refused: () => undefined }
