/** Lines of clients that something between them and a node holds back, and lets through when nobody thinks of them. */

import type { Process } from '../process.js'
import type { World } from '../world.js'
import type { ClientConnection } from './client-connection.js'

export type Turn = 'dial' | 'command'

export interface Delay {
  /** So long at most. */
  readonly ms: number
  /** Not longer than so long after the client dialled again, or gave its first command over another connection. */
  readonly after: { readonly turn: Turn; readonly ms: number } | null
}

export class LateLines {
  readonly #held = new Map<ClientConnection, Delay>()
  /** What happens at a client's next turn of a kind. */
  readonly #planned: Record<Turn, Map<Process, (connection: ClientConnection) => void>> = {
    dial: new Map(),
    command: new Map(),
  }

  constructor(private readonly world: World) {}

  /** A client has a new connection, and has said nothing yet. */
  dialled(connection: ClientConnection): void {
    connection.beforeCommand = () => this.#turn('command', connection)
    this.#turn('dial', connection)
  }

  holdBack(connection: ClientConnection, delay: Delay): void {
    this.#held.set(connection, delay)
    connection.holdBack(delay.ms)
  }

  /** When this client takes that turn next, over whichever connection. */
  atNext(turn: Turn, client: Process, run: (connection: ClientConnection) => void): void {
    this.#planned[turn].set(client, run)
  }

  end(): void {
    for (const connection of this.#held.keys()) connection.letThrough()
    this.#held.clear()
    for (const planned of Object.values(this.#planned)) planned.clear()
  }

  #turn(turn: Turn, connection: ClientConnection): void {
    const client = connection.client.process
    for (const [former, { after }] of this.#held) {
      if (former === connection || former.client.process !== client || after?.turn !== turn) continue
      this.#held.set(former, { ms: 0, after: null })
      this.world.after(after.ms, () => former.letThrough())
    }
    const run = this.#planned[turn].get(client)
    this.#planned[turn].delete(client)
    run?.(connection)
  }
}
