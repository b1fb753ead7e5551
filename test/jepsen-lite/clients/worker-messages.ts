/** What the process of some clients gets (as its one argument) and says (a JSON line each, on stdout). End of stdin: finish. */
import type { HistoryEntry } from '../types.js'
import type { ClientSettings } from './client.js'

export interface WorkerOrder {
  /** URL of the workload's file, which exports its `lives`. */
  readonly module: string
  readonly life: string
  /** One for each client. */
  readonly settings: readonly ClientSettings[]
}

/** The number of the process counts within the worker. */
export interface WorkerEvent {
  readonly entry: HistoryEntry
  readonly time: number
}
