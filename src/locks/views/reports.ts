/** What anybody may ask of the state. It is asked anew each time, since a restore replaces the state. */
import type { SessionId, Token } from '../commands/commands.js'
import type { LockState } from '../state/state.js'
import { type FreezeReport, hasOrphanedHolder, type Sees } from './hold-report.js'
import { type ListedHold, listed } from './listing.js'
import { Queues } from './queues.js'
import * as standing from './standing-reports.js'
import { type WhoReport, who } from './who.js'
import { type WhyBounds, type WhyReport, why } from './why.js'

const EVERYTHING: Sees = () => true

export class Reports {
  readonly queues: Queues

  constructor(private readonly state: () => LockState) {
    this.queues = new Queues(state)
  }

  /** Whether a hold with this token is current. */
  isCurrent(name: string, token: Token): boolean {
    const hold = this.state().holds.get(name, token)
    return hold?.phase === 'held' && !hasOrphanedHolder(hold)
  }

  /** Names that have holds, tails or places. */
  get nameCount(): number {
    return this.state().locks.size
  }

  /** In no order that means anything. While it goes on names may come and go. */
  names(): IterableIterator<string> {
    return this.state().locks.keys()
  }

  hasName(name: string): boolean {
    return this.state().locks.has(name)
  }

  listed(name: string, afterToken: Token): IterableIterator<ListedHold> {
    return listed(this.state(), name, afterToken)
  }

  who(name: string, most: number, sees: Sees = EVERYTHING): WhoReport {
    return who(this.state(), name, most, sees)
  }

  /** `session`: only its requests. `sees`: whether whoever asks may see a name. */
  why(name: string, session: SessionId | null, most: WhyBounds, sees: Sees = EVERYTHING): WhyReport {
    return why(this.state(), name, session, most, sees)
  }

  history(name: string): standing.PastReport[] {
    return standing.history(this.state(), name)
  }

  /** `identity`: only its sessions; null: all. */
  sessionCountOf(identity: string | null): number {
    return standing.sessionCount(this.state(), identity)
  }

  sessions(after: SessionId, most: number, identity: string | null): standing.SessionReport[] {
    return standing.sessions(this.state(), after, most, identity)
  }

  /** `sees`: whether whoever asks may see the key; null: all. */
  markCountOf(sees: Sees | null): number {
    return standing.markCount(this.state(), sees)
  }

  /** Marks that holds and places may still set. */
  get reservedMarkCount(): number {
    return this.state().reservedMarkCount
  }

  marks(after: string | null, most: number, sees: Sees | null): standing.MarkReport[] {
    return standing.marks(this.state(), after, most, sees)
  }

  get freezeCount(): number {
    return this.state().freezes.size
  }

  freezes(after: string | null): FreezeReport[] {
    return standing.freezes(this.state(), after)
  }
}
