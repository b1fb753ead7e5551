/** The process group of a command: signals to all of it, and whether anybody of it is left. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

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

  /** Resolves true when nobody of the group is left, false after `timeoutMs`. */
  async ended(timeoutMs = Number.POSITIVE_INFINITY, eachPoll: () => void = () => {}): Promise<boolean> {
    const startedAt = performance.now()
    for (let polls = 0; ; polls += 1) {
      eachPoll()
      if (!this.exists) return true
      const patient = polls >= PATIENT_AFTER_POLLS
      // Where nobody collects orphans (a container without an init) the dead stay in the group for ever.
      if (patient && onlyZombies(this.id)) {
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
}

/**
 * The groups of all processes that were given the variable `name=value`, by /proc. Empty where there is none: there a
 * command is only found by what its guardian has said.
 */
export function groupsWithVariable(name: string, value: string): ProcessGroup[] {
  const groups = new Set<number>()
  for (const processId of processIds()) {
    if (!readProcFile(processId, 'environ').split('\0').includes(`${name}=${value}`)) continue
    const stat = readStat(processId)
    if (stat !== null) groups.add(stat.groupId)
  }
  return [...groups].map((id) => new ProcessGroup(id))
}

/** By /proc, where there is one: every member of the group is dead and only not collected. */
function onlyZombies(groupId: number): boolean {
  const states = processIds()
    .map(readStat)
    .filter((stat) => stat?.groupId === groupId)
    .map((stat) => stat?.state)
  return states.length > 0 && states.every((state) => state === 'Z' || state === 'X')
}

function readStat(processId: string): { state: string; groupId: number } | null {
  // The name of the program stands in parentheses and may hold anything.
  const text = readProcFile(processId, 'stat')
  const [state = '', , groupId] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return groupId === undefined ? null : { state, groupId: Number(groupId) }
}

function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  } catch {
    return []
  }
}

/** Empty when the process is gone or another user's. */
function readProcFile(processId: string, file: string): string {
  try {
    return readFileSync(`/proc/${processId}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
