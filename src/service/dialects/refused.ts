/**
 * A connection whose first line showed a token that is nobody's. It is answered after a while, so that guessing is slow, and
 * then closed; what else it says meanwhile is not read.
 */
import type { NeutralReply } from '../../protocol/replies.js'
import type { ConnectionContext } from './connection-context.js'
import type { Dialect, DialectConnection } from './dialect.js'

export class RefusedDialect implements Dialect {
  constructor(
    private readonly connection: DialectConnection,
    context: ConnectionContext,
    lastWords: NeutralReply,
  ) {
    // Does nothing once the client has gone.
    context.failedAttempts.answerLater(() => connection.close(lastWords))
  }

  refuse(lastWords: NeutralReply): void {
    this.connection.close(lastWords)
  }

  moved(): void {
    this.connection.close()
  }

  heard(): void {}
  line(): void {}
  malformed(): void {}
  /** Its answer is still to come. */
  fin(): void {}
  broken(): void {}
  jeopardy(): void {}
  safe(): void {}
  revoked(): void {}
  rightsChanged(): void {}
  closed(): void {}
}
