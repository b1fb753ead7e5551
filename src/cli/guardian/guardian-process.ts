/**
 * The guardian's side (rules.md rule 6). It is the parent of the command, a child subreaper for all that descends from
 * it, holds a copy of the connection, so that no FIN can leave while the command lives, and knows until when the lock is
 * held. It outlives tnl-do: whatever becomes of that, nothing of the command is left before the lock can be another's.
 *
 * It neither ends nor says `bye` while anything is left: then the session stays until its lease is over. What it does when is
 * a table of states (fate.ts); this file finds out what happens, and does what the state that was entered asks for.
 */
import { DEADLINE_CHECK_INTERVAL_MS } from '../../client/limits.js'
import { type HoldLimit, instantNow, remainingMs } from '../../client/session/local-lease.js'
import { STRAGGLER_PATIENCE_MS, UNKILLABLE_AFTER_MS } from '../guarding/limits.js'
import type { FromGuardian, GuardedCommand, ToGuardian } from '../guarding/messages.js'
import { NO_DESCRIPTOR } from '../guarding/watcher-words.js'
import { ProgramLog, Verbosity } from '../shared/log.js'
import { loadNative, type Native } from '../system/native.js'
import { nameProcesses, readProcess } from '../system/processes.js'
import { type Doom, type Fate, type FateEvent, isLost, NO_COMMAND, nextFate } from './fate.js'
import { launch } from './launch.js'
import { Lookout } from './lookout.js'
import type { Offspring } from './offspring.js'
import { GuardianConnection } from './session-connection.js'
import { Terminal } from './terminal.js'
import { WatcherPipe } from './watcher-pipe.js'

/** Serves the tnl-do at the other end of this process's channel, then ends the process. */
export function runGuardian(channel: number, watcherEnd: number, locks: readonly number[]): void {
  const watcher = watcherEnd === NO_DESCRIPTOR ? null : watcherEnd
  const own = watcher === null ? [channel, ...locks] : [channel, watcher, ...locks]
  const guardian = new GuardianProcess(own, new WatcherPipe(watcher))
  // A signal to all of a user's processes must not make the command unguarded; what ends the guardian is tnl-do.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTSTP'] as const) process.on(signal, () => {})
  process.on('message', (message: ToGuardian, handle: unknown) => guardian.received(message, handle))
  process.on('disconnect', () => guardian.orphaned())
}

/** The command once it has started, and with it whatever it starts. */
interface Ward {
  readonly command: GuardedCommand
  readonly offspring: Offspring
  /** Null when tnl-do has no terminal, or this system gives no access to it. */
  readonly terminal: Terminal | null
}

class GuardianProcess {
  #fate: Fate = NO_COMMAND
  #limit: HoldLimit | null = null
  #ward: Ward | null = null
  #checkTimer: NodeJS.Timeout | null = null
  /** Undefined until this process has prepared itself for its command; null where there is none. */
  #native: Native | null | undefined
  readonly #connection = new GuardianConnection()
  readonly #log = new ProgramLog('tnl-do', Verbosity.quiet)
  readonly #lookout: Lookout

  constructor(
    /** Descriptors that the command must not get: while it had the watcher's pipe, that would never end, nor would a lock. */
    private readonly own: readonly number[],
    private readonly watcher: WatcherPipe,
  ) {
    this.#lookout = new Lookout(watcher, this.#log)
  }

  received(message: ToGuardian, handle: unknown): void {
    switch (message.type) {
      case 'connection':
        if (this.#connection.adopt(handle)) say({ type: 'adopted', number: message.number })
        // Not before the first copy is here: tnl-do waits for that.
        setImmediate(() => this.#prepare())
        break
      case 'session':
        this.#connection.resumption = message.resumption
        break
      case 'limit':
        // Once the command is ended because of the lock, the limit stands still: a later one takes nothing back.
        if (!isLost(this.#fate)) this.#holdUntil(message.limit)
        this.#schedule()
        break
      case 'run':
        this.#limit = message.limit
        void this.#run(message.command, message.limit)
        break
      case 'terminate':
        this.#terminate()
        break
      case 'kill':
        this.#happens('told-to-kill')
        break
      case 'continue':
        this.#resume()
    }
  }

  /** tnl-do is dead, or has nothing more for the guardian to do. */
  orphaned(): void {
    this.#happens('orphaned')
  }

  // ------------------------------------------------------------------------------------------------------- the state

  #happens(event: FateEvent): void {
    const before = this.#fate
    const fate = nextFate(before, event)
    if (fate === before) return
    this.#fate = fate
    if (fate.at === 'asked') this.#ask()
    else if (fate.at === 'killing' && before.at !== 'killing') this.#kill()
    else if (fate.at === 'stuck') this.#tellStuck(fate.doom)
    else if (fate.at === 'leaving') this.#leave()
  }

  #ask(): void {
    const ward = this.#ward
    if (ward === null) return
    const { onLost } = ward.command
    this.#tellLimit(0)
    this.#lookout.look()
    ward.offspring.signalAll(onLost.kind === 'signal' ? onLost.signal : 'SIGTERM')
    // A stopped process would not see it.
    ward.offspring.signalAll('SIGCONT')
  }

  #kill(): void {
    // That nothing is left is noticed by `accompany`.
    void this.#ward?.offspring.kill()
    setTimeout(() => this.#happens('outlives-kill'), UNKILLABLE_AFTER_MS).unref()
  }

  #tellStuck(doom: Doom): void {
    const limit = this.#limit
    const lockWord = doom === 'lost' ? 'the lock is lost' : 'the lock is kept as long as it can be'
    const left = this.#ward?.offspring.left() ?? []
    this.#log.error(`this cannot be ended and runs on; ${lockWord}: ${nameProcesses(left)}`)
    // While tnl-do lives it renews the session itself.
    if (doom !== 'orphaned' || limit === null) return
    const isHeld = (): boolean => this.#fate.at === 'stuck' && !isLost(this.#fate)
    void this.#connection.renew(limit.holdMs, isHeld, (later) => this.#holdUntil(later))
  }

  /** Nothing is left of the command, so the session may end: that frees the lock. */
  #leave(): void {
    this.watcher.done()
    void this.#connection.end().then(() => process.exit(0))
  }

  // ------------------------------------------------------------------------------------------------------ the command

  /** Leaves tnl-do's process group, for a signal to that would be one to the guardian. */
  #prepare(): Native | null {
    if (this.#native !== undefined) return this.#native
    const native = loadNative()
    if (native !== null) {
      native.leadGroup()
      native.becomeSubreaper()
      for (const descriptor of this.own) native.closeOnExec(descriptor)
    }
    this.#native = native
    return native
  }

  async #run(command: GuardedCommand, limit: HoldLimit): Promise<void> {
    if (remainingMs(limit) <= 0) {
      say({ type: 'ended', code: null, signal: null, lost: true, foreground: false })
      return
    }
    this.#happens('run')
    const native = this.#prepare()
    const terminal = native === null ? null : Terminal.open(native, command.outerGroup)
    const inFront = terminal?.isOuters === true
    const started = await launch(native, command, inFront ? (terminal?.descriptor ?? null) : null)
    if ('code' in started) {
      say({ type: 'failed', code: started.code })
      this.#happens('failed')
      return
    }
    const ward = { command, offspring: started, terminal }
    this.#ward = ward
    // Where the C library could not do it for the command before it ran.
    if (inFront) terminal?.give(started.leaderId)
    started.onStopped = (signal) => this.#stopped(ward, signal)
    this.watcher.guardian(process.pid)
    this.watcher.group(started.leaderId)
    this.#holdUntil(this.#limit ?? limit)
    say({ type: 'started', processId: started.leaderId })
    this.#happens('started')
    this.#schedule()
    await this.#accompany(ward)
  }

  /** From the start of the command until nothing of it is left. */
  async #accompany({ command, offspring, terminal }: Ward): Promise<void> {
    const { code, signal } = await offspring.leaderEnd
    const foreground = terminal?.isOf(offspring.leaderId) === true
    terminal?.takeBack(offspring.leaderId)
    if (this.#fate.at === 'running' || this.#fate.at === 'asked') await this.#endLeftovers(offspring, command)
    await offspring.ended()
    this.watcher.done()
    say({ type: 'ended', code, signal, lost: isLost(this.#fate), foreground })
    this.#happens('nothing-left')
  }

  /** What the command leaves behind would run on without the lock. */
  async #endLeftovers(offspring: Offspring, command: GuardedCommand): Promise<void> {
    if (await offspring.ended(STRAGGLER_PATIENCE_MS)) return
    if (command.leaveDaemons && this.#fate.at === 'running') this.#spareDaemons(offspring)
    const left = offspring.left()
    if (left.length > 0)
      this.#log.error(`the command has ended and left this behind, which is ended now: ${nameProcesses(left)}`)
    offspring.signalAll('SIGTERM')
    // A stopped process would not see it.
    offspring.signalAll('SIGCONT')
    if (!(await offspring.ended(command.graceMs))) this.#happens('leftovers-stay')
  }

  #spareDaemons(offspring: Offspring): void {
    const ownSession = readProcess('self')?.session
    const daemons = offspring.left().filter(({ session }) => session !== ownSession)
    offspring.spare(daemons)
    if (daemons.length > 0) this.#log.error(`left running without the lock: ${nameProcesses(daemons)}`)
  }

  // -------------------------------------------------------------------------------------------------------- the limit

  #holdUntil(limit: HoldLimit): void {
    this.#limit = limit
    // A guardian that is not stopped asks the command to end before this, and says so.
    this.#tellLimit((this.#ward?.command.graceMs ?? 0) / 2)
  }

  /** So long before the limit the watcher acts, if it has not heard of another by then. */
  #tellLimit(beforeMs: number): void {
    const [limit, ward] = [this.#limit, this.#ward]
    // Whom a loss does not end is not ended by the watcher either.
    if (limit === null || !this.#isLeft || ward?.command.onLost.kind === 'ignore') return
    this.watcher.limit({ ...limit, holdMs: limit.holdMs - beforeMs })
  }

  #schedule(): void {
    if (this.#limit === null || this.#ward === null || this.#fate.at === 'leaving') return
    if (this.#checkTimer !== null) clearTimeout(this.#checkTimer)
    const leftMs = Math.max(1, remainingMs(this.#limit))
    this.#checkTimer = setTimeout(
      // If this process was stopped, a later limit may lie unread in the channel: it is read before anything is judged.
      () => setImmediate(() => this.#judge()),
      Math.min(leftMs, DEADLINE_CHECK_INTERVAL_MS),
    )
  }

  #judge(): void {
    const [limit, ward] = [this.#limit, this.#ward]
    if (limit === null || ward === null) return
    if (this.#isLeft) this.#lookout.lookIfDue()
    const ignores = ward.command.onLost.kind === 'ignore'
    const leftMs = remainingMs(limit)
    if (leftMs <= 0) this.#happens(ignores ? 'limit-unheeded' : 'limit-passed')
    else if (leftMs <= ward.command.graceMs && !ignores) this.#happens('limit-near')
    this.#schedule()
  }

  /** The lock is lost but not another's yet: the command has its grace. */
  #terminate(): void {
    const [limit, ward] = [this.#limit, this.#ward]
    if (limit === null || ward === null) return
    const { graceMs } = ward.command
    if (remainingMs(limit) > graceMs) this.#limit = { since: instantNow(), holdMs: graceMs }
    this.#judge()
  }

  // ----------------------------------------------------------------------------------------------------- the terminal

  #stopped({ offspring, terminal }: Ward, signal: NodeJS.Signals | null): void {
    if (terminal === null || signal === null || !TERMINAL_STOPS.has(signal)) return
    // It asked for the terminal a moment before it was given it, or tnl-do came to the front meanwhile.
    if (signal !== 'SIGTSTP' && (terminal.isOuters || terminal.isOf(offspring.leaderId))) this.#resume()
    else say({ type: 'stopped', signal })
  }

  #resume(): void {
    const ward = this.#ward
    if (ward === null || !this.#isLeft) return
    ward.terminal?.give(ward.offspring.leaderId)
    ward.offspring.signalGroup('SIGCONT')
  }

  /** Something of the command is left. */
  get #isLeft(): boolean {
    return this.#ward !== null && this.#fate.at !== 'empty' && this.#fate.at !== 'leaving'
  }
}

/** By these the terminal stops what runs on it; others are meant for the command alone. */
const TERMINAL_STOPS: ReadonlySet<NodeJS.Signals> = new Set(['SIGTSTP', 'SIGTTIN', 'SIGTTOU'])

function say(message: FromGuardian): void {
  // tnl-do may be gone; then there is nobody to tell.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
