/** One command under one lock, as tnl-do sees it: from the grant until the whole group is dead (contract §3). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LostReason } from '../client/errors.js'
import { LinkError } from '../client/link.js'
import type { Grant, LockSession } from '../client/lock-session.js'
import { DoExit, exitStatusOfSignal } from './do-exit-codes.js'
import type { GuardedEnd, Guardian } from './do-guardian.js'
import type { DoLog } from './do-log.js'
import type { DoOptions } from './do-options.js'
import { ProcessGroup } from './do-process-group.js'

/** A guardian that does not report the end of a group that is dead is stopped; nobody waits for it. */
const GUARDIAN_REPORT_TIMEOUT_MS = 1_000

type Environment = Readonly<Record<string, string | undefined>>

export class Supervision {
  private group: ProcessGroup | null = null
  private running = false
  private ended = false
  private lost = false
  /** Came before the command had started. */
  private earlySignals: NodeJS.Signals[] = []
  private sessionMoved: () => void = () => {}
  private finish: (end: GuardedEnd) => void = () => {}

  constructor(
    private readonly options: DoOptions,
    private readonly log: DoLog,
    private readonly session: LockSession,
    private readonly grant: Grant,
    private readonly guardian: Guardian,
  ) {}

  /** Resolves with the exit status when the command's group is dead and the lock may go. */
  async run(env: Environment): Promise<{ status: number; lost: boolean }> {
    const end = new Promise<GuardedEnd>((resolve) => {
      this.finish = resolve
    })
    this.guardian.onEnd = this.finish
    this.guardian.onStarted = (processId) => this.started(new ProcessGroup(processId))
    this.session.hooks = {
      confirmed: () => {
        this.guardian.renew(this.session.mirror.limit)
        this.sessionMoved()
      },
      // If tnl-do was stopped, the guardian's report lies unread in the channel: it is read before anything is judged.
      lost: (_, reason) => {
        if (this.running) setImmediate(() => this.loses(reason))
        else this.loses(reason)
      },
      beforeOpening: (link) => this.guardian.adopt(link),
      notice: (text) => this.log.info(text),
    }
    const early = await Promise.race([this.shareConnection(), end])
    if (early === false) return { status: this.lostStatus(), lost: true }
    if (early !== true) return { status: await this.statusOf(early), lost: this.lost }
    this.running = true
    this.guardian.run(
      {
        file: this.options.file,
        args: this.options.args,
        env: commandEnvironment(env, this.grant, this.session.id),
        graceMs: Math.min(this.options.graceMs, this.session.mirror.leaseMs / 4),
        onLost: this.options.onLost,
      },
      this.session.mirror.limit,
    )
    const status = await this.statusOf(await end)
    this.ended = true
    // No command needs a copy of the connection any more: the session may move without the guardian to release the lock.
    this.session.hooks = { notice: (text) => this.log.info(text) }
    return { status, lost: this.lost }
  }

  forward(signal: NodeJS.Signals): void {
    if (this.ended) return
    if (this.group === null) this.earlySignals.push(signal)
    else this.group.signal(signal)
  }

  /** The command must not start before the guardian holds the connection. False if the lock is lost before that. */
  private async shareConnection(): Promise<boolean> {
    while (!this.lost) {
      const moved = new Promise<void>((resolve) => {
        this.sessionMoved = resolve
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
        if (adopted && this.session.link === link) return !this.lost
      }
      await moved
    }
    return false
  }

  private started(group: ProcessGroup): void {
    this.group = group
    if (this.lost && this.options.onLost.kind !== 'ignore') void this.killAtOnce()
    for (const signal of this.earlySignals) group.signal(signal)
    this.earlySignals = []
  }

  private loses(reason: LostReason): void {
    // The command ended in time; the guardian's report says how.
    if (this.ended || this.group?.exists === false) return
    this.lost = true
    this.sessionMoved()
    this.log.error(`the lock '${this.grant.name}' was lost (${reason})`)
    if (!this.running || this.options.onLost.kind === 'ignore') return
    // A forced loss leaves time: nobody else gets the lock before this session has let go of it (engine.md §4 rule 12).
    if (reason === 'forced') this.guardian.terminate()
    // Otherwise it may be another's already. The guardian knows the limit too, but it may be stopped.
    else void this.killAtOnce()
  }

  private async killAtOnce(): Promise<void> {
    await this.killCommand()
    await sleep(GUARDIAN_REPORT_TIMEOUT_MS)
    this.finish({ type: 'ended', code: null, signal: 'SIGKILL', lost: true })
  }

  private killCommand(): Promise<void> {
    return this.group === null ? this.guardian.killUnreported() : this.group.kill()
  }

  private async statusOf(end: GuardedEnd): Promise<number> {
    if (end.type === 'failed') return this.failedStatus(end.code)
    if (end.type === 'guardian-died') {
      this.log.error('the guardian process died; the command is killed')
      await this.killCommand()
      return this.lost ? this.lostStatus() : DoExit.cannotRun
    }
    if (end.lost && !this.lost) this.log.error(`the lock '${this.grant.name}' was being lost; the command was ended`)
    this.lost ||= end.lost
    if (this.lost && this.options.onLost.kind !== 'ignore') return DoExit.lost
    return end.signal === null ? (end.code ?? DoExit.cannotRun) : exitStatusOfSignal(end.signal)
  }

  private lostStatus(): number {
    return this.options.onLost.kind === 'ignore' ? DoExit.cannotRun : DoExit.lost
  }

  private failedStatus(code: string): number {
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

function commandEnvironment(env: Environment, grant: Grant, session: string | null): Record<string, string> {
  const {
    TNL_LOCK_NAME: _name,
    TNL_TOKEN: _token,
    TNL_SESSION: _session,
    ...rest
  } = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  return {
    ...rest,
    TNL_LOCK_NAME: grant.name,
    ...(grant.token === null ? {} : { TNL_TOKEN: String(grant.token) }),
    ...(session === null ? {} : { TNL_SESSION: session }),
  }
}
