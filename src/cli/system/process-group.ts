/** A process group: signals to all of it, and whether anybody of it is left. */
import { setTimeout as sleep } from 'node:timers/promises'
import { allProcesses, hasCode, type ProcessInfo } from './processes.js'

const POLL_INTERVAL_MS = 2
/** From then on /proc is read too, and polls are rarer. */
const PATIENT_AFTER_POLLS = 5
const PATIENT_POLL_INTERVAL_MS = 20

export class ProcessGroup {
  private gone = false

  /** `id` is the process id of the group's leader. */
  constructor(readonly id: number) {}

  /** Never after the group was found dead: its number may be another's then. */
  signal(signal: NodeJS.Signals): void {
    if (this.gone) return
    try {
      process.kill(-this.id, signal)
    } catch (error) {
      this.gone = hasCode(error, 'ESRCH')
    }
  }

  /** Also true while dead members have not been collected by their parents yet. */
  get exists(): boolean {
    if (this.gone) return false
    try {
      process.kill(-this.id, 0)
    } catch (error) {
      // EPERM: it lives, under another user.
      this.gone = hasCode(error, 'ESRCH')
    }
    return !this.gone
  }

  /** Not counting the dead, where that can be seen. */
  get lives(): boolean {
    return this.exists && !this.onlyDead()
  }

  /** Its members by /proc, where there is one. */
  members(): ProcessInfo[] {
    return allProcesses().filter(({ group, dead }) => group === this.id && !dead)
  }

  /** Resolves true when nobody of the group is left, false after `timeoutMs`. */
  async ended(timeoutMs = Number.POSITIVE_INFINITY, eachPoll: () => void = () => {}): Promise<boolean> {
    const startedAt = performance.now()
    for (let polls = 0; ; polls += 1) {
      eachPoll()
      if (!this.exists) return true
      const patient = polls >= PATIENT_AFTER_POLLS
      // Where nobody collects orphans (a container without an init) the dead stay in the group forever.
      if (patient && this.onlyDead()) {
        this.gone = true
        return true
      }
      if (performance.now() - startedAt >= timeoutMs) return false
      await sleep(patient ? PATIENT_POLL_INTERVAL_MS : POLL_INTERVAL_MS)
    }
  }

  /** SIGKILL to everybody, until nobody is left. */
  async kill(): Promise<void> {
    await this.ended(Number.POSITIVE_INFINITY, () => this.signal('SIGKILL'))
  }

  private onlyDead(): boolean {
    const members = allProcesses().filter(({ group }) => group === this.id)
    return members.length > 0 && members.every(({ dead }) => dead)
  }
}
