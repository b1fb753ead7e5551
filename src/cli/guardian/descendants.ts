/**
 * All that descends from a command, where this process is a child subreaper (rules.md rule 6): whoever loses its parent
 * becomes this process's child, in whichever group or session it is. So *nothing is left* is what the kernel says when it is
 * asked for a child and there is none (ECHILD). /proc only finds whom to signal.
 *
 * Nothing else of this process may have children that count, and Node must not start any here: it would not be told of
 * their end.
 */
import { KILL_AGAIN_INTERVAL_MS, LEFT_CHECK_INTERVAL_MS, MAX_LOOKS_PER_KILL } from '../guarding/limits.js'
import type { Native } from '../system/native.js'
import { ProcessGroup } from '../system/process-group.js'
import { descendantsOf, type ProcessInfo, signalProcess } from '../system/processes.js'
import type { LeaderEnd, Offspring } from './offspring.js'

export class Descendants implements Offspring {
  readonly leaderEnd: Promise<LeaderEnd>
  onStopped: (signal: NodeJS.Signals | null) => void = () => {}
  private leaderEnded: (end: LeaderEnd) => void = () => {}
  private readonly group: ProcessGroup
  private readonly spared = new Set<number>()
  private readonly waiters = new Set<() => void>()
  private childless = false

  constructor(
    private readonly native: Native,
    readonly leaderId: number,
  ) {
    this.group = new ProcessGroup(leaderId)
    this.leaderEnd = new Promise((resolve) => {
      this.leaderEnded = resolve
    })
    const changed = (): void => {
      this.collect()
      for (const look of [...this.waiters]) look()
    }
    process.on('SIGCHLD', changed)
    // The command may have ended before anybody listened.
    setImmediate(changed)
  }

  signalGroup(signal: NodeJS.Signals): void {
    this.group.signal(signal)
  }

  signalAll(signal: NodeJS.Signals): void {
    for (const { id } of this.left()) signalProcess(id, signal)
  }

  left(): ProcessInfo[] {
    return descendantsOf(process.pid, this.spared)
  }

  spare(processes: readonly ProcessInfo[]): void {
    for (const { id } of processes) this.spared.add(id)
  }

  ended(timeoutMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    return new Promise((resolve) => {
      const startedAt = performance.now()
      const look = (): void => {
        const nothingLeft = this.nothingLeft()
        if (!nothingLeft && performance.now() - startedAt < timeoutMs) return
        clearInterval(timer)
        this.waiters.delete(look)
        resolve(nothingLeft)
      }
      const timer = setInterval(look, Math.min(LEFT_CHECK_INTERVAL_MS, Math.max(1, timeoutMs)))
      this.waiters.add(look)
      look()
    })
  }

  async kill(): Promise<void> {
    do this.strike()
    while (!(await this.ended(KILL_AGAIN_INTERVAL_MS)))
  }

  /** Stops all that is there, until a look finds nothing new: who is stopped starts nobody. Then kills. */
  private strike(): void {
    const struck = new Set<number>()
    for (let look = 0; look < MAX_LOOKS_PER_KILL; look += 1) {
      const fresh = this.left().filter(({ id }) => !struck.has(id))
      if (fresh.length === 0) break
      for (const { id } of fresh) {
        struck.add(id)
        signalProcess(id, 'SIGSTOP')
      }
    }
    for (const id of struck) signalProcess(id, 'SIGKILL')
  }

  private nothingLeft(): boolean {
    this.collect()
    return this.childless || (this.spared.size > 0 && this.left().length === 0)
  }

  /** Node collects only the children that it started itself. */
  private collect(): void {
    if (this.childless) return
    for (;;) {
      const change = this.native.nextChange()
      if (change === null) break
      if (change === 'childless') {
        this.childless = true
        break
      }
      if (change.processId !== this.leaderId) continue
      if (change.kind === 'stopped') this.onStopped(change.signal)
      else {
        // Asked now, while the number cannot be another group's yet.
        void this.group.exists
        this.leaderEnded({ code: change.code, signal: change.signal })
      }
    }
  }
}
