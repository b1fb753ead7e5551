/**
 * One command under its locks, as tnl-do sees it: from the grant until nothing of the command is left.
 *
 * Why everything is dead before T, the moment from which the lock may be another's (rules.md rule 6). L is the lease.
 *
 * 1. Before the command starts the guardian holds a copy of the connection and a limit. The limit is the send time of
 *    something that was answered, + 0.9 L − 50 ms, and every later one is made in the same way. T is at least L after that.
 * 2. At the limit the guardian kills all that descends from the command. It is not stopped by what stops or ends tnl-do,
 *    and learns nothing from tnl-do but later limits, each of which (1) makes T later as well.
 * 3. A session ends before its L only by a word: tnl-do says it after the guardian has reported that nothing is left, the
 *    guardian when it has seen so itself. Neither closes its copy of the connection before.
 * 4. tnl-do judges the same limit. If the guardian is dead or stopped, tnl-do kills what there is.
 * 5. If both are killed, no word is said, so T is L after the last answer; the watcher kills well before. If both are stopped, it
 *    kills at the limit that the guardian has told it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type LostReason, UnauthorizedError } from '../../client/errors.js'
import { DEADLINE_CHECK_INTERVAL_MS } from '../../client/limits.js'
import type { Grant, LockSession } from '../../client/session/lock-session.js'
import { LinkError } from '../../client/transport/link.js'
import { GUARDIAN_REPORT_TIMEOUT_MS, KILL_AGAIN_INTERVAL_MS, KILL_TIMEOUT_MS } from '../guarding/limits.js'
import type { GuardedCommand } from '../guarding/messages.js'
import { DoExit, exitStatusOfSignal } from '../shared/exit-statuses.js'
import type { ProgramLog } from '../shared/log.js'
import { loadNative } from '../system/native.js'
import { ProcessGroup } from '../system/process-group.js'
import { maySignal, nameProcesses, type ProcessInfo } from '../system/processes.js'
import type { GuardedEnd, Guardian } from './guardian.js'
import type { DoOptions } from './options.js'

/** How the command itself ended. */
export interface CommandEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The first of the locks to be lost. */
export interface Loss {
  readonly name: string
  readonly reason: LostReason
}

export interface Outcome {
  readonly status: number
  /** Null: it is still held. */
  readonly loss: Loss | null
  /** Null: it never ran, or nobody knows. */
  readonly command: CommandEnd | null
  /** Something runs on that could not be ended: the guardian stays for it, and nobody may say `bye`. */
  readonly runsOn: boolean
  /** The signal of the terminal that ended the command; null if none did. */
  readonly terminalSignal: NodeJS.Signals | null
}

/** The life of one command. It only goes down this list; in the three states in the middle the lock is lost. */
type State =
  /** The guardian takes its copy of the connection. There is no command yet. */
  | 'preparing'
  /** The guardian was told to run the command, and reports when nothing is left of it. */
  | 'running'
  /** There will be no command. */
  | 'forgone'
  /** The command runs on: it was asked to end and has its grace, or `--on-lost ignore` lets it. */
  | 'let-be'
  /** Everything is killed, by the guardian and by this process (step 4 of the proof). */
  | 'killing'
  | 'ended'

const LOST: ReadonlySet<State> = new Set<State>(['forgone', 'let-be', 'killing'])

/** What became of the command, in the eyes of tnl-do. */
type End = GuardedEnd | { readonly type: 'killed'; readonly runsOn: boolean }

export class Supervision {
  /** The terminal has stopped the command. */
  onStopped: (signal: NodeJS.Signals) => void = () => {}
  #state: State = 'preparing'
  #loss: Loss | null = null
  /** Its account was taken away. */
  #isTurnedAway = false
  /** Known once the guardian has told it. */
  #group: ProcessGroup | null = null
  /** Came before the command had started. */
  #earlySignals: NodeJS.Signals[] = []
  #sessionMoved: () => void = () => {}
  #finish: (end: End) => void = () => {}

  constructor(
    private readonly options: DoOptions,
    private readonly log: ProgramLog,
    private readonly session: LockSession,
    private readonly grants: readonly Grant[],
    private readonly guardian: Guardian,
  ) {}

  /** Resolves when nothing of the command is left, or what is left cannot be ended and the lock is lost. */
  async run(command: GuardedCommand): Promise<Outcome> {
    const end = new Promise<End>((resolve) => {
      this.#finish = resolve
    })
    this.guardian.onEnd = this.#finish
    this.guardian.onStarted = (processId) => this.#started(new ProcessGroup(processId))
    this.guardian.onStopped = (signal) => this.onStopped(signal)
    this.session.hooks = {
      confirmed: () => {
        this.guardian.renew(this.session.localLease.limit)
        this.#sessionMoved()
      },
      // If tnl-do was stopped, the guardian's report lies unread in the channel: it is read before anything is judged.
      lost: ({ name }, reason) => {
        if (this.#state === 'preparing') this.#loses({ name, reason })
        else setImmediate(() => this.#loses({ name, reason }))
      },
      beforeOpening: (link) => this.guardian.adopt(link),
      notice: (text) => this.log.info(text),
      // The lock is lost for a reason that the network has nothing to do with.
      ended: (error) => {
        if (!(error instanceof UnauthorizedError)) return
        this.#isTurnedAway = true
        this.log.error(`the cluster knows this client no longer: ${error.message}`)
      },
    }
    // Between the grant and this line nobody listened.
    const gone = this.grants.find((grant) => !this.session.holds(grant))
    if (gone !== undefined) this.#loses({ name: gone.name, reason: 'lease-expired' })
    const early = await Promise.race([this.#shareConnection(), end])
    if (early === 'forgone') {
      return { status: this.#lostStatus(), loss: this.#loss, command: null, runsOn: false, terminalSignal: null }
    }
    if (early !== 'shared') return this.#outcomeOf(early)
    this.#state = 'running'
    // Before there is a command: should the guardian be killed, whatever it guarded comes to this process, however early.
    // Not before this: what has nothing to do with the command must not come here.
    loadNative()?.becomeSubreaper()
    const graceMs = Math.min(command.graceMs, this.session.localLease.leaseMs / 4)
    this.guardian.run({ ...command, graceMs }, this.session.localLease.limit)
    const outcome = await this.#outcomeOf(await end)
    this.#state = 'ended'
    // No command needs a copy of the connection now: the session may move without the guardian to release the lock.
    this.session.hooks = { notice: (text) => this.log.info(text) }
    return outcome
  }

  forward(signal: NodeJS.Signals): void {
    if (this.#state === 'ended') return
    if (this.#group === null) this.#earlySignals.push(signal)
    else this.#group.signal(signal)
    if (signal === 'SIGCONT') this.guardian.continue()
  }

  /** Step 1 of the proof. `forgone` if the lock is lost before that. */
  async #shareConnection(): Promise<'shared' | 'forgone'> {
    while (!this.#isLost) {
      // The guardian was started with its descriptor.
      if (this.session.isLocal) return 'shared'
      const moved = new Promise<void>((resolve) => {
        this.#sessionMoved = resolve
      })
      const { link } = this.session
      if (link !== null) {
        const adopted = await this.guardian.adopt(link).then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof LinkError)) throw error
            this.log.info(error.message)
            return false
          },
        )
        if (adopted && this.session.link === link) return this.#isLost ? 'forgone' : 'shared'
      }
      await moved
    }
    return 'forgone'
  }

  get #isLost(): boolean {
    return LOST.has(this.#state)
  }

  get #ignoresLoss(): boolean {
    return this.options.onLost.kind === 'ignore'
  }

  #started(group: ProcessGroup): void {
    this.#group = group
    // It was asked to end before it could hear it.
    if (this.#state === 'let-be' && !this.#ignoresLoss) this.#killAtOnce()
    for (const signal of this.#earlySignals) group.signal(signal)
    this.#earlySignals = []
  }

  #loses(loss: Loss): void {
    // The command ended in time; the guardian's report says how.
    if (this.#state === 'ended' || this.#group?.exists === false) return
    this.#loss ??= loss
    this.log.error(`the lock '${loss.name}' was lost (${loss.reason})`)
    if (this.#state === 'preparing') {
      this.#state = 'forgone'
      this.#sessionMoved()
    } else if (this.#ignoresLoss) this.#letBe()
    // These leave time: nobody else gets the lock before this session has let go of it (rules.md rule 12).
    else if (loss.reason === 'forced' || loss.reason === 'ttl') {
      this.#letBe()
      this.guardian.terminate()
    } else if (this.#isTurnedAway) {
      // No word has ended the session: nobody else gets the lock before the limit, and until then the command has its grace.
      this.#letBe()
      this.guardian.terminate()
      this.#killAtLimit()
    }
    // Otherwise it may be another's already.
    else this.#killAtOnce()
  }

  #letBe(): void {
    if (this.#state === 'running') this.#state = 'let-be'
  }

  /** Step 4 of the proof: a session that has ended judges nothing any more. */
  #killAtLimit(): void {
    if (this.#state !== 'let-be') return
    const leftMs = this.session.localLease.remainingMs()
    if (leftMs <= 0) this.#killAtOnce()
    else setTimeout(() => this.#killAtLimit(), Math.min(leftMs, DEADLINE_CHECK_INTERVAL_MS)).unref()
  }

  #killAtOnce(): void {
    if (this.#state === 'killing') return
    this.#state = 'killing'
    void this.#kill()
  }

  /** Step 4 of the proof: the guardian kills too, unless it is stopped or knows of a later limit. */
  async #kill(): Promise<void> {
    this.guardian.killNow()
    const startedAt = performance.now()
    let left = this.guardian.strike(this.#group)
    while (this.#state === 'killing' && performance.now() - startedAt < GUARDIAN_REPORT_TIMEOUT_MS) {
      await sleep(KILL_AGAIN_INTERVAL_MS)
      left = this.guardian.strike(this.#group)
    }
    if (this.#state !== 'killing') return
    const unkillable = left.filter(({ id }) => !maySignal(id))
    // The guardian is alive and waits for them.
    if (unkillable.length > 0) this.#tellRunsOn(unkillable)
    this.#finish({ type: 'killed', runsOn: unkillable.length > 0 || (await this.#killUnguarded()) })
  }

  /** True if something of the command cannot be killed. */
  async #killUnguarded(): Promise<boolean> {
    const left = await this.guardian.killAll(this.#group, KILL_TIMEOUT_MS)
    if (left.length > 0) this.#tellRunsOn(left)
    return left.length > 0
  }

  #tellRunsOn(left: readonly ProcessInfo[]): void {
    this.log.error(`the lock is lost, and this runs on and cannot be ended: ${nameProcesses(left)}`)
  }

  async #outcomeOf(end: End): Promise<Outcome> {
    let runsOn = end.type === 'killed' && end.runsOn
    if (end.type === 'guardian-died') {
      this.log.error('the guardian process died; the command is killed')
      runsOn = await this.#killUnguarded()
    }
    const wasLosing = end.type === 'ended' && end.lost
    const name = this.grants[0]?.name ?? ''
    if (wasLosing && !this.#isLost) {
      this.log.error(`the lock '${name}' was being lost; the command was ended`)
    }
    const lost = this.#isLost || wasLosing
    const command = end.type === 'ended' ? { code: end.code, signal: end.signal } : null
    return {
      status: this.#statusOf(end, lost),
      loss: lost ? (this.#loss ?? { name, reason: 'deadline' }) : null,
      command,
      runsOn,
      terminalSignal: end.type === 'ended' && end.foreground && !lost ? end.signal : null,
    }
  }

  #statusOf(end: End, lost: boolean): number {
    if (end.type === 'failed') return this.#failedStatus(end.code)
    if (lost && !this.#ignoresLoss) return this.options.lostStatus
    if (end.type !== 'ended') return DoExit.cannotRun
    return end.signal === null ? (end.code ?? DoExit.cannotRun) : exitStatusOfSignal(end.signal)
  }

  #lostStatus(): number {
    return this.#ignoresLoss ? DoExit.cannotRun : this.options.lostStatus
  }

  #failedStatus(code: string): number {
    switch (code) {
      case 'ENOENT':
        this.log.error(`command not found: '${this.options.file}'`)
        return DoExit.notFound
      case 'EACCES':
      case 'ENOEXEC':
      case 'ENOTDIR':
        this.log.error(`command is not executable: '${this.options.file}' (${code})`)
        return DoExit.notExecutable
      default:
        this.log.error(`command cannot be run: '${this.options.file}' (${code})`)
        return DoExit.cannotRun
    }
  }
}
