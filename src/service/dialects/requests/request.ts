/**
 * What the file of a request has to give, and what it may use. A request's file is where all of it stands: how its line is
 * read, what is done, and how the answer is written. `table.ts` registers it.
 */
import type { Command, RequestId, SessionHeader } from '../../../locks/commands/commands.js'
import type { ErrorCode } from '../../../protocol/error-codes.js'
import type { Line } from '../../../protocol/line.js'
import type { Caller } from '../../access/caller.js'
import type { ConnectionContext } from '../connection-context.js'
import type { DialectConnection } from '../dialect.js'
import type { LevelNeeds } from './level.js'
import type { AccessNeeds } from './needs.js'

/** A request of the session dialect. */
export interface SessionRequest extends LevelNeeds, AccessNeeds {
  /** The word that begins its line. */
  readonly action: string
  /** Reads the line and carries it out. Throws RequestError for a wrong value: the client is told, and nothing has happened. */
  perform(session: RequestScope, line: Line, id: RequestId | null): void
}

/** What a request may do with the session that it came in on. */
export interface RequestScope {
  readonly caller: Caller
  readonly context: ConnectionContext
  readonly connection: DialectConnection
  /** Proposes a command of this session under its next number. What comes of it is told when it is applied. */
  propose(id: RequestId | null, body: RequestBody): void
  /** The same for one that asks for a lock, and may wait for it: refused while there is enough to do already. */
  proposeLock(id: RequestId | null, body: LockBody): void
  /**
   * Asks what the log learns nothing of: `answer` runs on a state that has all that was answered to anybody before. If no
   * quorum confirms that, the client is told, and `unconfirmed` runs.
   */
  read(id: RequestId | null, answer: () => void, unconfirmed?: () => void): void
  /** The same where `answer` takes no time, and does not wait for those that do. */
  lookUp(id: RequestId | null, answer: () => void): void
  /** Within `answer`: it is not whole yet. To be called once it is. */
  goesOn(): () => void
  /** Under which a request is known here that is not proposed: negative if the client gave no id. */
  nameRead(id: RequestId | null): RequestId
  /** Nothing more is asked for: the session ends once all that was asked before is decided. */
  bye(): void
}

/** Commands that answer a request of a client. */
type AnsweringCommand = Extract<Command, SessionHeader & { readonly request: RequestId }>
type Body<C> = C extends unknown ? Omit<C, keyof SessionHeader | 'request'> : never
/** Such a command as a line says it: who asks, and under which number, is added by the session. */
export type RequestBody = Body<AnsweringCommand>
export type LockBody = Extract<RequestBody, { readonly waitMs: number }>

/** Something is wrong with a line; told to the client as `err,code:…`. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message)
  }
}
