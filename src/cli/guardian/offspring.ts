/** Everything that a command starts, as its guardian handles it. */
import type { ProcessInfo } from '../system/processes.js'

export interface LeaderEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Offspring {
  /** The command itself, whose id is that of its process group too. */
  readonly leaderId: number
  readonly leaderEnd: Promise<LeaderEnd>
  /** Called when the command itself is stopped by a signal. */
  onStopped: (signal: NodeJS.Signals | null) => void
  /** To the process group of the command. */
  signalGroup(signal: NodeJS.Signals): void
  /** To all that is left of it, in whichever group or session. */
  signalAll(signal: NodeJS.Signals): void
  /** Resolves true when nothing is left, false after `timeoutMs`. */
  ended(timeoutMs?: number): Promise<boolean>
  /** SIGKILL to everything, until nothing is left. Never resolves while something cannot be killed. */
  kill(): Promise<void>
  /** What is left, as far as it can be seen. */
  left(): readonly ProcessInfo[]
  /** From now on these, and what descends from them, do not count. */
  spare(processes: readonly ProcessInfo[]): void
}
