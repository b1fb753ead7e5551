/** Where there is no child subreaper (macOS, or no foreign function interface): what a command starts is its process group. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { GuardedCommand } from '../guarding/messages.js'
import type { Refusal } from '../system/native.js'
import { ProcessGroup } from '../system/process-group.js'
import type { ProcessInfo } from '../system/processes.js'
import type { LeaderEnd, Offspring } from './offspring.js'

export class GroupOffspring implements Offspring {
  readonly leaderEnd: Promise<LeaderEnd>
  readonly leaderId: number
  /** Node does not tell of stops. */
  onStopped: (signal: NodeJS.Signals | null) => void = () => {}
  private readonly group: ProcessGroup

  private constructor(child: ChildProcess, processId: number) {
    this.leaderId = processId
    this.group = new ProcessGroup(processId)
    this.leaderEnd = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })))
  }

  /** Detached: the command leads a group, and here a session too. */
  static async start(command: GuardedCommand): Promise<GroupOffspring | Refusal> {
    const env = Object.fromEntries(command.variables.map((variable) => splitAtFirst(text(variable))))
    try {
      const child = spawn(text(command.file), command.args.map(text), { env, stdio: 'inherit', detached: true })
      if (child.pid !== undefined) return new GroupOffspring(child, child.pid)
      return await new Promise((resolve) => child.on('error', (error) => resolve({ code: codeOf(error) })))
    } catch (error) {
      // Node throws for what it thinks rare: an argument list that is too long, a path through a file.
      return { code: codeOf(error) }
    }
  }

  signalGroup(signal: NodeJS.Signals): void {
    this.group.signal(signal)
  }

  signalAll(signal: NodeJS.Signals): void {
    this.group.signal(signal)
  }

  ended(timeoutMs?: number): Promise<boolean> {
    return this.group.ended(timeoutMs)
  }

  kill(): Promise<void> {
    return this.group.kill()
  }

  left(): ProcessInfo[] {
    return this.group.exists ? this.group.members() : []
  }

  /** Who has left the group does not count anyway. */
  spare(): void {}
}

const text = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

function splitAtFirst(variable: string): [string, string] {
  const at = variable.indexOf('=')
  return [variable.slice(0, at), variable.slice(at + 1)]
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
