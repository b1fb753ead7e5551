/** Lines that came before what they depend on was decided; they are carried out in their order once it is. */
import type { Line } from '../../protocol/line.js'
import { BACKLOG_MAX_LINES } from '../limits.js'
import type { DialectConnection } from './dialect.js'

/** Null stands for a malformed line. */
type Kept = Line | null

export class Backlog {
  #lines: Kept[] = []

  constructor(
    private readonly connection: Pick<DialectConnection, 'guard' | 'throttle'>,
    private readonly carryOut: { line(line: Line): void; malformed(): void },
  ) {}

  /** Reading stops while too many wait. */
  keep(line: Kept): void {
    this.#lines.push(line)
    if (this.#lines.length >= BACKLOG_MAX_LINES) this.connection.throttle(true)
  }

  drain(): void {
    const lines = this.#lines
    if (lines.length === 0) return
    this.#lines = []
    this.connection.throttle(false)
    for (const line of lines) {
      if (line === null) this.carryOut.malformed()
      else this.connection.guard(() => this.carryOut.line(line))
    }
  }

  clear(): void {
    this.#lines = []
  }
}
