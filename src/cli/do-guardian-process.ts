/**
 * The guardian's side (engine.md §4 rule 6). It is the parent of the command, holds a copy of the connection, so that no
 * FIN can leave while the command lives, and knows until when the lock is held. It outlives tnl-do: whatever becomes of
 * that, the command's group is dead before the lock can be another's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { DEADLINE_CHECK_INTERVAL_MS } from '../client/limits.js'
import { type HoldLimit, instantNow, remainingMs } from '../client/mirror.js'
import type { FromGuardian, GuardedCommand, ToGuardian } from './do-guardian-messages.js'
import { ProcessGroup } from './do-process-group.js'
import { isRawHandle, type RawHandle, shutDown } from './do-raw-handle.js'

/** How long the connection is read after the FIN. */
const SHUT_DOWN_TIMEOUT_MS = 1_000
/** Members of the group that outlive its leader by less are on their way out (the end of a pipe, for example). */
const STRAGGLER_PATIENCE_MS = 500

/** Serves the tnl-do at the other end of this process's channel, then ends the process. */
export function runGuardian(): void {
  const guardian = new GuardianProcess()
  // A signal to all of a user's processes must not make the command unguarded; what ends the guardian is tnl-do.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {})
  process.on('message', (message: ToGuardian, handle: unknown) => guardian.received(message, handle))
  process.on('disconnect', () => guardian.orphaned())
}

class GuardianProcess {
  private connection: RawHandle | null = null
  private limit: HoldLimit | null = null
  private command: GuardedCommand | null = null
  private group: ProcessGroup | null = null
  private groupDead = false
  private checkTimer: NodeJS.Timeout | null = null
  /** The command has been asked to end; from then on the limit stands still. */
  private terminating = false
  private killing = false
  private lost = false
  private leaving = false

  received(message: ToGuardian, handle: unknown): void {
    if (message.type === 'connection') {
      this.connection?.close()
      this.connection = isRawHandle(handle) ? handle : null
      if (this.connection !== null) say({ type: 'adopted', number: message.number })
    } else if (message.type === 'limit') {
      if (!this.terminating) this.limit = message.limit
      this.schedule()
    } else if (message.type === 'run') {
      this.limit = message.limit
      this.run(message.command)
    } else this.terminateNow()
  }

  /** tnl-do is dead, or has nothing more for the guardian to do. */
  orphaned(): void {
    if (this.group !== null && !this.groupDead) this.kill()
    else this.leave()
  }

  private run(command: GuardedCommand): void {
    if (this.limit === null || remainingMs(this.limit) <= 0) {
      say({ type: 'ended', code: null, signal: null, lost: true })
      return
    }
    this.command = command
    const child = startCommand(command)
    if (child?.pid === undefined) return
    const group = new ProcessGroup(child.pid)
    this.group = group
    child.on('exit', (code, signal) => void this.leaderExited(group, code, signal))
    say({ type: 'started', processId: child.pid })
    this.schedule()
  }

  private async leaderExited(group: ProcessGroup, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    // What the leader leaves behind in its group would run on without the lock.
    if (!(await group.ended(STRAGGLER_PATIENCE_MS))) {
      group.signal('SIGTERM')
      if (!(await group.ended(this.command?.graceMs))) await group.kill()
    }
    this.groupDead = true
    say({ type: 'ended', code, signal, lost: this.lost })
    if (this.lost || !process.connected) this.leave()
  }

  private schedule(): void {
    if (this.limit === null || this.command === null || this.leaving) return
    if (this.checkTimer !== null) clearTimeout(this.checkTimer)
    const leftMs = Math.max(1, remainingMs(this.limit))
    this.checkTimer = setTimeout(
      // If this process was stopped, a later limit may lie unread in the channel: it is read before anything is judged.
      () => setImmediate(() => this.judge()),
      Math.min(leftMs, DEADLINE_CHECK_INTERVAL_MS),
    )
  }

  private judge(): void {
    if (this.limit === null || this.command === null) return
    const leftMs = remainingMs(this.limit)
    if (leftMs <= 0) this.expired()
    else if (leftMs <= this.command.graceMs) this.terminate()
    this.schedule()
  }

  private expired(): void {
    // tnl-do was stopped after the command had ended: the lock is free to go.
    if (this.groupDead) this.leave()
    else if (this.command?.onLost.kind !== 'ignore') {
      this.lost = true
      this.kill()
    }
  }

  private terminate(): void {
    if (this.terminating || this.groupDead || this.command === null || this.command.onLost.kind === 'ignore') return
    this.terminating = true
    this.lost = true
    this.group?.signal(this.command.onLost.kind === 'signal' ? this.command.onLost.signal : 'SIGTERM')
    // A stopped process would not see it.
    this.group?.signal('SIGCONT')
  }

  private terminateNow(): void {
    const { command, limit } = this
    if (command === null || limit === null) return
    if (remainingMs(limit) > command.graceMs) this.limit = { since: instantNow(), holdMs: command.graceMs }
    this.judge()
  }

  private kill(): void {
    if (this.killing) return
    this.killing = true
    // Its leader's exit, which follows, does the rest.
    void this.group?.kill()
  }

  /** The group is dead, so the connection may end: that frees the lock. */
  private leave(): void {
    if (this.leaving) return
    this.leaving = true
    const done = this.connection === null ? Promise.resolve() : shutDown(this.connection, SHUT_DOWN_TIMEOUT_MS)
    void done.then(() => process.exit(0))
  }
}

/** Null, or a process without an id, when it could not be started: that is reported. */
function startCommand(command: GuardedCommand): ChildProcess | null {
  const failed = (error: unknown): void => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    say({ type: 'failed', code })
  }
  try {
    // Detached: the command leads a group (and a session) of its own.
    const child = spawn(command.file, command.args, { env: command.env, stdio: 'inherit', detached: true })
    return child.on('error', failed)
  } catch (error) {
    // Node throws for what it thinks rare: an argument list that is too long, a path through a file.
    failed(error)
    return null
  }
}

function say(message: FromGuardian): void {
  // tnl-do may be gone; then there is nobody to tell.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
