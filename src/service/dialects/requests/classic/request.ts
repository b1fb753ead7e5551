/** What the file of a classic request has to give, and what it may use. `table.ts` registers it. */
import type { OpenClassic, OpeningHeader } from '../../../../locks/commands/commands.js'
import type { Line } from '../../../../protocol/line.js'
import type { NeutralReply } from '../../../../protocol/replies.js'
import type { ListingOrder } from '../../../reads/listings.js'
import type { ConnectionContext } from '../../connection-context.js'
import type { DialectConnection } from '../../dialect.js'
import type { LevelNeeds } from '../level.js'
import type { AccessNeeds } from '../needs.js'

export interface ClassicRequest extends LevelNeeds, AccessNeeds {
  /** The word that begins its line. */
  readonly action: string
  perform(client: ClassicScope, line: Line): void
  /** Told to whoever may not; left out: `err,unauthorized`. */
  unauthorized?(line: Line, why: string): NeutralReply
}

/** What a request may do with the connection that it came in on. */
export interface ClassicScope {
  readonly context: ConnectionContext
  readonly connection: DialectConnection
  /** False while it only waits for the lock. */
  readonly holds: boolean
  /** Proposes the session and its lock. `showsToken`: the answer names it. */
  ask(body: ClassicAsk, showsToken: boolean): void
  /** Asks a quorum; `answer` is to close the connection. It does not run if that has happened already. */
  read(answer: (isConfirmed: boolean) => void): void
  /** Goes through what is there; `end` is to close the connection. It does not run if that has happened already. */
  list(order: ListingOrder): void
  /** The client gives up what it holds or waits for. It is told when that is applied. */
  giveUp(): void
}

export type ClassicAsk = Omit<OpenClassic, keyof OpeningHeader>
