/**
 * The guardian's side (rules.md rule 6). It is the parent of the command, a child subreaper for all that descends from
 * it, holds a copy of the connection, so that no FIN can leave while the command lives, and knows until when the lock is
 * held. It outlives tnl-do: whatever becomes of that, nothing of the command is left before the lock can be another's.
 *
 * It neither ends nor says `bye` while anything is left: then the session stays until its lease is over.
 */
import { DEADLINE_CHECK_INTERVAL_MS } from '../../client/limits.js'
import { type HoldLimit, instantNow, remainingMs } from '../../client/session/local-lease.js'
import { LOOK_SHARE, STRAGGLER_PATIENCE_MS, UNKILLABLE_AFTER_MS } from '../guarding/limits.js'
import type { FromGuardian, GuardedCommand, ToGuardian } from '../guarding/messages.js'
import { DoLog, Verbosity } from '../shared/log.js'
import { loadNative, type Native } from '../system/native.js'
import { glanceAtDescendants, maySignal, nameProcesses, readProcess } from '../system/processes.js'
import { launch } from './launch.js'
import type { Offspring } from './offspring.js'
import { GuardianConnection } from './session-connection.js'
import { Terminal } from './terminal.js'
import { WatcherPipe } from './watcher-pipe.js'

/** Serves the tnl-do at the other end of this process's channel, then ends the process. */
export function runGuardian(channel: number, watcher: number | null): void {
  const guardian = new GuardianProcess(watcher === null ? [channel] : [channel, watcher], new WatcherPipe(watcher))
  // A signal to all of a user's processes must not make the command unguarded; what ends the guardian is tnl-do.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTSTP'] as const) process.on(signal, () => {})
  process.on('message', (message: ToGuardian, handle: unknown) => guardian.received(message, handle))
  process.on('disconnect', () => guardian.orphaned())
}

type Phase =
  /** No command yet, or it could not be started. */
  | 'waiting'
  | 'starting'
  /** Something of the command is left. */
  | 'running'
  /** The command has been, and nothing of it is left. */
  | 'empty'
  | 'leaving'

/** What has been done to end the command early. It only ever goes on. */
type Ending = 'none' | 'asked' | 'killed'

class GuardianProcess {
  private phase: Phase = 'waiting'
  private ending: Ending = 'none'
  /** The command was asked to end, or killed, because the lock was being lost. */
  private lost = false
  /** tnl-do is dead or has let go of its guardian. */
  private isOrphan = false
  private limit: HoldLimit | null = null
  private command: GuardedCommand | null = null
  private offspring: Offspring | null = null
  private terminal: Terminal | null = null
  private checkTimer: NodeJS.Timeout | null = null
  private readonly beyondTold = new Set<number>()
  private readonly connection = new GuardianConnection()
  private readonly log = new DoLog('tnl-do', Verbosity.quiet)
  private isPrepared = false
  private nextLookAt = 0

  constructor(
    /** Descriptors that the command must not get: while it had the watcher's pipe, that would never end. */
    private readonly own: readonly number[],
    private readonly watcher: WatcherPipe,
  ) {}

  received(message: ToGuardian, handle: unknown): void {
    switch (message.type) {
      case 'connection':
        if (this.connection.adopt(handle)) say({ type: 'adopted', number: message.number })
        // Not before the first copy is here: tnl-do waits for that.
        setImmediate(() => this.prepare())
        break
      case 'session':
        this.connection.resumption = message.resumption
        break
      case 'limit':
        // Once the command is ended because of the lock, the limit stands still: a later one takes nothing back.
        if (!this.lost) this.limit = message.limit
        this.schedule()
        break
      case 'run':
        this.limit = message.limit
        void this.run(message.command)
        break
      case 'terminate':
        this.terminateNow()
        break
      case 'kill':
        this.lost = true
        if (this.phase === 'running') this.kill()
        break
      case 'continue':
        this.resume()
    }
  }

  /** tnl-do is dead, or has nothing more for the guardian to do. */
  orphaned(): void {
    this.isOrphan = true
    if (this.phase === 'running') this.kill()
    else if (this.phase !== 'starting') this.leave()
  }

  /** Leaves tnl-do's process group, for a signal to that would be one to the guardian. */
  private prepare(): Native | null {
    const native = loadNative()
    if (native !== null && !this.isPrepared) {
      native.leadGroup()
      native.becomeSubreaper()
      for (const descriptor of this.own) native.closeOnExec(descriptor)
    }
    this.isPrepared = true
    return native
  }

  private async run(command: GuardedCommand): Promise<void> {
    if (this.limit === null || remainingMs(this.limit) <= 0) {
      say({ type: 'ended', code: null, signal: null, lost: true, foreground: false })
      return
    }
    this.command = command
    this.phase = 'starting'
    const native = this.prepare()
    this.terminal = native === null ? null : Terminal.open(native, command.outerGroup)
    const inFront = this.terminal?.isOuters === true
    const started = await launch(native, command, inFront ? (this.terminal?.descriptor ?? null) : null)
    if ('code' in started) {
      this.phase = 'waiting'
      say({ type: 'failed', code: started.code })
      if (this.isOrphan) this.leave()
      return
    }
    this.phase = 'running'
    this.offspring = started
    // Where the C library could not do it for the command before it ran.
    if (inFront) this.terminal?.give(started.leaderId)
    started.onStopped = (signal) => this.stopped(started, signal)
    this.watcher.group(started.leaderId)
    say({ type: 'started', processId: started.leaderId })
    if (this.isOrphan) this.kill()
    this.schedule()
    await this.accompany(started, command)
  }

  /** From the start of the command until nothing of it is left. */
  private async accompany(offspring: Offspring, command: GuardedCommand): Promise<void> {
    const { code, signal } = await offspring.leaderEnd
    const foreground = this.terminal?.isOf(offspring.leaderId) === true
    this.terminal?.takeBack(offspring.leaderId)
    if (this.ending !== 'killed') await this.endLeftovers(offspring, command)
    await offspring.ended()
    this.phase = 'empty'
    this.watcher.done()
    say({ type: 'ended', code, signal, lost: this.lost, foreground })
    if (this.lost || this.isOrphan) this.leave()
  }

  /** What the command leaves behind would run on without the lock. */
  private async endLeftovers(offspring: Offspring, command: GuardedCommand): Promise<void> {
    if (await offspring.ended(STRAGGLER_PATIENCE_MS)) return
    if (command.leaveDaemons && this.ending === 'none') this.spareDaemons(offspring)
    const left = offspring.left()
    if (left.length > 0)
      this.log.error(`the command has ended and left this behind, which is ended now: ${nameProcesses(left)}`)
    offspring.signalAll('SIGTERM')
    // A stopped process would not see it.
    offspring.signalAll('SIGCONT')
    if (!(await offspring.ended(command.graceMs))) this.kill()
  }

  private spareDaemons(offspring: Offspring): void {
    const ownSession = readProcess('self')?.session
    const daemons = offspring.left().filter(({ session }) => session !== ownSession)
    offspring.spare(daemons)
    if (daemons.length > 0) this.log.error(`left running without the lock: ${nameProcesses(daemons)}`)
  }

  private schedule(): void {
    if (this.limit === null || this.command === null || this.phase === 'leaving') return
    if (this.checkTimer !== null) clearTimeout(this.checkTimer)
    const leftMs = Math.max(1, remainingMs(this.limit))
    this.checkTimer = setTimeout(
      // If this process was stopped, a later limit may lie unread in the channel: it is read before anything is judged.
      () => setImmediate(() => this.judge()),
      Math.min(leftMs, DEADLINE_CHECK_INTERVAL_MS),
    )
  }

  private judge(): void {
    if (performance.now() >= this.nextLookAt) this.lookAround()
    if (this.limit === null || this.command === null) return
    const leftMs = remainingMs(this.limit)
    if (leftMs <= 0) this.expired()
    else if (leftMs <= this.command.graceMs) this.terminate()
    this.schedule()
  }

  private expired(): void {
    // tnl-do was stopped after the command had ended: the lock is free to go.
    if (this.phase === 'empty') this.leave()
    else if (this.phase === 'running' && this.command?.onLost.kind !== 'ignore') {
      const wasKilled = this.ending === 'killed' && !this.lost
      this.lost = true
      this.kill()
      if (wasKilled && this.offspring !== null) this.tellUnkillable(this.offspring)
    }
  }

  private terminate(): void {
    const { command, offspring } = this
    if (this.ending !== 'none' || this.phase !== 'running' || command === null || offspring === null) return
    if (command.onLost.kind === 'ignore') return
    this.ending = 'asked'
    this.lost = true
    this.lookAround()
    offspring.signalAll(command.onLost.kind === 'signal' ? command.onLost.signal : 'SIGTERM')
    // A stopped process would not see it.
    offspring.signalAll('SIGCONT')
  }

  private terminateNow(): void {
    const { command, limit } = this
    if (command === null || limit === null) return
    if (remainingMs(limit) > command.graceMs) this.limit = { since: instantNow(), holdMs: command.graceMs }
    this.judge()
  }

  private kill(): void {
    const { offspring } = this
    if (this.ending === 'killed' || offspring === null) return
    this.ending = 'killed'
    // That nothing is left is noticed by `accompany`.
    void offspring.kill()
    setTimeout(() => this.tellUnkillable(offspring), UNKILLABLE_AFTER_MS).unref()
  }

  private tellUnkillable(offspring: Offspring): void {
    if (this.phase !== 'running') return
    const lockWord = this.lost ? 'the lock is lost' : 'the lock is kept as long as it can be'
    this.log.error(`this cannot be ended and runs on; ${lockWord}: ${nameProcesses(offspring.left())}`)
    const { limit } = this
    if (!this.isOrphan || this.lost || limit === null) return
    const isHeld = (): boolean => !this.lost && this.phase === 'running'
    void this.connection.renew(limit.holdMs, isHeld, (later) => {
      this.limit = later
    })
  }

  /** Names what could not be ended, as soon as it is there, and lets the watcher know what runs. */
  private lookAround(): void {
    if (this.phase !== 'running' || !this.isPrepared) return
    const startedAt = performance.now()
    const running = glanceAtDescendants(process.pid)
    this.watcher.known(running)
    this.nextLookAt = startedAt + (performance.now() - startedAt) / LOOK_SHARE
    const beyond = running.filter(({ id }) => !this.beyondTold.has(id) && !maySignal(id))
    if (beyond.length === 0) return
    for (const { id } of beyond) this.beyondTold.add(id)
    this.log.error(
      `this belongs to another user and cannot be ended with the lock; while it runs the lock is kept: ${nameProcesses(beyond)}`,
    )
  }

  private stopped(offspring: Offspring, signal: NodeJS.Signals | null): void {
    if (this.terminal === null || signal === null || !TERMINAL_STOPS.has(signal)) return
    // It asked for the terminal a moment before it was given it, or tnl-do came to the front meanwhile.
    if (signal !== 'SIGTSTP' && (this.terminal.isOuters || this.terminal.isOf(offspring.leaderId))) this.resume()
    else say({ type: 'stopped', signal })
  }

  private resume(): void {
    if (this.offspring === null || this.phase !== 'running') return
    this.terminal?.give(this.offspring.leaderId)
    this.offspring.signalGroup('SIGCONT')
  }

  /** Nothing is left of the command, so the session may end: that frees the lock. */
  private leave(): void {
    if (this.phase === 'leaving') return
    this.phase = 'leaving'
    this.watcher.done()
    void this.connection.end().then(() => process.exit(0))
  }
}

/** By these the terminal stops what runs on it; others are meant for the command alone. */
const TERMINAL_STOPS: ReadonlySet<NodeJS.Signals> = new Set(['SIGTSTP', 'SIGTTIN', 'SIGTTOU'])

function say(message: FromGuardian): void {
  // tnl-do may be gone; then there is nobody to tell.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
