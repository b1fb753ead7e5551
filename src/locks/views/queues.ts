/** The names that somebody waits for, one line each: how many, since when, and who has it. */
import type { Token } from '../commands/commands.js'
import type { Hold, LockEntry } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { hasOrphanedHolder } from './hold-report.js'

export interface QueueReport {
  readonly name: string
  readonly waiters: number
  /** Of the earliest place: since when it waits, and who. By the clock of the node that was asked. */
  readonly sinceWallMs: number
  readonly waiter: string
  /** Of the oldest current hold; empty and 0 where there is none. */
  readonly holder: string
  readonly token: Token
  readonly heldSinceWallMs: number
  /** Holds and tails. */
  readonly holdCount: number
}

export class Queues {
  constructor(private readonly state: () => LockState) {}

  get count(): number {
    return this.state().contended.size
  }

  /** In no order that means anything. While it goes on queues may come and go. */
  *all(): IterableIterator<QueueReport> {
    for (const lock of this.state().contended) yield queueReport(lock)
  }
}

function queueReport(lock: LockEntry): QueueReport {
  const request = lock.queue?.head?.request
  const hold = oldestHold(lock)
  return {
    name: lock.name,
    waiters: lock.placeCount,
    sinceWallMs: request?.wallMs ?? 0,
    waiter: request?.session.label ?? '',
    holder: hold?.label ?? '',
    token: hold?.token ?? 0,
    heldSinceWallMs: hold?.sinceWallMs ?? 0,
    holdCount: lock.holdCount,
  }
}

function oldestHold(lock: LockEntry): Hold | null {
  for (const hold of lock.holds()) if (hold.phase === 'held' && !hasOrphanedHolder(hold)) return hold
  return null
}
