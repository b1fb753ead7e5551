/** What anybody may ask of the state. It is asked anew each time, since a restore replaces the state. */
import type { SessionId, Token } from '../commands/commands.js'
import type { LockState } from '../state/state.js'
import { type FreezeReport, hasOrphanedHolder } from './hold-report.js'
import { type ListedHold, listed } from './listing.js'
import { Queues } from './queues.js'
import * as standing from './standing-reports.js'
import { type WhoReport, who } from './who.js'
import { type WhyBounds, type WhyReport, why } from './why.js'

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

  who(name: string, most: number): WhoReport {
    return who(this.state(), name, most)
  }

  /** `session`: only its requests. `sees`: whether whoever asks may see a name. */
  why(name: string, session: SessionId | null, most: WhyBounds, sees = (_name: string) => true): WhyReport {
    return why(this.state(), name, session, most, sees)
  }

  history(name: string): standing.PastReport[] {
    return standing.history(this.state(), name)
  }

  get sessionCount(): number {
    return this.state().sessions.size
  }

  sessions(after: SessionId, most: number): standing.SessionReport[] {
    return standing.sessions(this.state(), after, most)
  }

  get markCount(): number {
    return this.state().marks.size
  }

  /** Marks that holds and places may still set. */
  get reservedMarkCount(): number {
    return this.state().reservedMarkCount
  }

  marks(after: string | null, most: number): standing.MarkReport[] {
    return standing.marks(this.state(), after, most)
  }

  get freezeCount(): number {
    return this.state().freezes.size
  }

  freezes(after: string | null): FreezeReport[] {
    return standing.freezes(this.state(), after)
  }
}
