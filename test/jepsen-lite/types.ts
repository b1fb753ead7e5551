/** The seams of jepsen-lite: what a history is, and what a workload and a nemesis have to be. */
import type { ChildProcess } from 'node:child_process'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Ground } from './ground.js'

export type Random = SeededRandom

/** `info`: whether it took effect is unknown. */
export type EventType = 'invoke' | 'ok' | 'fail' | 'info'

/** One line of the history, in Jepsen's shape. */
export interface HistoryEvent {
  readonly type: EventType
  /** One logical client, with at most one open operation at a time; NEMESIS is no client. */
  readonly process: number
  /** `acquire`, `release`, `hold-end`, `write`, …; of the nemesis: a fault's name, `leader` or `node`. */
  readonly f: string
  readonly value: HistoryValue
  /** Nanoseconds since the start of the run, by the harness's monotonic clock. */
  readonly time: number
  readonly workload: string
}

export interface HistoryValue {
  /** The lock. */
  readonly name?: string
  /** Its fencing token. */
  readonly token?: number
  readonly [key: string]: string | number | boolean | null | undefined
}

/** The process of what is no operation: faults with `{phase: 'start' | 'end', target}`, leaders, states of nodes. */
export const NEMESIS = -1

/** What a workload says of an event; time and workload are filled in. */
export type HistoryEntry = Omit<HistoryEvent, 'time' | 'workload'>

/** What a workload gets to work with. */
export interface WorkloadRun {
  /** HOST:PORT of every node's client port, each through a link that faults can cut. */
  readonly endpoints: readonly string[]
  /** The same nodes, with nobody between: what a node sees of such a connection, its client has done. */
  readonly direct: readonly string[]
  /** How many clients this workload shall run at once. */
  readonly clients: number
  /** The node lease of the cluster, and the shortest session lease. */
  readonly leaseMs: number
  /** What sessions ask for (docs/protocol.md). */
  readonly lingerMs: number
  /** Of this workload alone. */
  readonly random: Random
  /** Exists, and is this workload's own. */
  readonly dir: string
  /** `process.hrtime.bigint()` at time zero: all processes of this machine share that clock. */
  readonly startedAt: bigint
  /** Nanoseconds since the start of the run: the clock of the history. */
  now(): number
  /** A number for `HistoryEvent.process` that nobody else has. */
  nextProcess(): number
  /** `time`: when it happened, by this clock, if that was earlier. */
  record(entry: HistoryEntry, time?: number): void
  /** A client's process: from now on, until it ends, faults may freeze or kill it. */
  adopt(process: ChildProcess): void
}

export interface Workload {
  readonly name: string
  start(run: WorkloadRun): void
  /** After all faults are healed: lets what is under way come to its end. */
  stop(): Promise<void>
  check(history: readonly HistoryEvent[]): Finding[]
}

export interface Finding {
  readonly check: string
  readonly what: string
  /** The smallest offending piece of the history. */
  readonly events: readonly HistoryEvent[]
}

export interface Nemesis {
  readonly name: string
  /** The smallest cluster in which it makes sense. */
  readonly minNodes?: number
  /** What of the ground it cannot do without. */
  readonly needs?: 'preload' | 'smallDisk' | 'namespaces' | 'logPipes' | 'programs'
  /** Not among `all`: the whole run is another one with it. */
  readonly byNameOnly?: true
  /** Chooses what to hit. Throws NotNow if that is not possible beside the faults in force. */
  aim(ground: Ground, random: Random): Promise<Fault>
}

export interface Fault {
  /** What is hit: `n2`, `n1 | n2 n3`. */
  readonly target: string
  begin(): Promise<void>
  /** Heals; also called when `begin` failed half-way. */
  end(): Promise<void>
}
