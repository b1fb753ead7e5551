/** What all simulated clients have in common: a host with a clock of its own, and nodes to connect to. */
import type { Checks } from '../checks/checks.js'
import type { ClientConnection, ClientHandlers } from '../network/client-connection.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'

export interface ClientWorld {
  readonly world: World
  readonly checks: Checks
  readonly names: readonly string[]
  /** Names that are asked for as semaphores, by clients of the session dialect. */
  readonly semaphores: readonly string[]
  /** Longest metadata of a lock, in bytes. */
  readonly metaBytes: number
  /** Locks are asked for with what only the next feature level has. */
  readonly notes: boolean
  nodeIds(): readonly string[]
  /** Connects to a node's client port; `handlers.closed` if nobody listens there. */
  dial(process: Process, nodeId: string, handlers: ClientHandlers): ClientConnection
}

export interface Client {
  readonly name: string
  readonly process: Process
  start(): void
  /** No new work: what was asked for is seen to its end. */
  finish(): void
  /** Nothing is held or asked for any more. */
  isDone(): boolean
  /** What it still waits for, for the report. */
  describe(): string
  /** Its present connection, for faults. */
  connection(): ClientConnection | null
}

/** Calls `onLine` for each complete line. */
export class Lines {
  #rest = ''

  constructor(private readonly onLine: (line: string) => void) {}

  push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.onLine(line)
  }
}

export function field(line: string, key: string): string | undefined {
  const found = line.split(',').find((part) => part.startsWith(`${key}:`))
  return found?.slice(key.length + 1)
}

export const numberField = (line: string, key: string): number => Number(field(line, key) ?? 'NaN')
