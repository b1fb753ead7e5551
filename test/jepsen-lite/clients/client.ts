/** What a logical client of a workload is, wherever it runs: in the harness, or in a process that faults can freeze and kill. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEntry, Random } from '../types.js'
import type { Journal } from './journal.js'

/** Plain data, so that it can be given to another process. */
export interface ClientSettings {
  readonly endpoints: readonly string[]
  readonly leaseMs: number
  readonly lingerMs: number
  readonly seed: number
  /** `process.hrtime.bigint()` at time zero of the run, in decimal. */
  readonly startedAt: string
  /** The locks that this workload is about. */
  readonly names: readonly string[]
  /** Of the register server; 0 for workloads without one. */
  readonly registerPort: number
}

export interface ClientContext extends ClientSettings {
  readonly random: Random
  readonly journal: Journal
  /** Aborted when everything is healed: the client finishes. */
  readonly stopping: AbortSignal
  /** The process consists of clients alone, and may be blocked. */
  readonly isOwnProcess: boolean
}

/** A client's life. It ends some time after `stopping`, when its finishing work is done. */
export type ClientLife = (context: ClientContext) => Promise<void>

/** Every workload that lets clients run in processes of their own exports its own as `lives`. */
export type ClientLives<Name extends string> = Readonly<Record<Name, ClientLife>>

/** Where a client's events go. */
export interface Recorder {
  record(entry: HistoryEntry, time: number): void
  nextProcess(): number
}

/** Ends early when the client shall finish. */
export async function pause({ stopping }: ClientContext, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => {})
}
