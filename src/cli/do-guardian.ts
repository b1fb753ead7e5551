/** The guardian as tnl-do sees it: a process that is started early, gets copies of what it needs, and runs the command. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Link, LinkError } from '../client/link.js'
import type { HoldLimit } from '../client/mirror.js'
import type { FromGuardian, GuardedCommand, ToGuardian } from './do-guardian-messages.js'
import { groupsWithVariable } from './do-process-group.js'
import { rawHandleOf } from './do-raw-handle.js'

/** A guardian takes a copy in a millisecond; one that is stopped, never. */
const ADOPT_TIMEOUT_MS = 5_000

const MARK_VARIABLE = 'TNL_GUARDIAN'
const SEARCH_MS = 100
const SEARCH_INTERVAL_MS = 10

/** How a command ended: what the guardian said last, or that it died itself. */
export type GuardedEnd = Extract<FromGuardian, { type: 'ended' | 'failed' }> | { readonly type: 'guardian-died' }

export class Guardian {
  /** Called once the command runs; its id is that of its group too. */
  onStarted: (processId: number) => void = () => {}
  /** Called once. */
  onEnd: (end: GuardedEnd) => void = () => {}
  /** In the environment of the guardian and of its command, so that the command is found without the guardian. */
  private readonly mark = `${process.pid}-${randomBytes(8).toString('hex')}`
  private readonly child: ChildProcess
  private readonly exited: Promise<void>
  private readonly adoptions = new Map<number, () => void>()
  private lastNumber = 0
  private ended = false

  constructor() {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    // A session of its own: neither the terminal nor a signal to tnl-do's group reaches it.
    this.child = fork(fileURLToPath(new URL(`./guardian.${extension}`, import.meta.url)), [], {
      detached: true,
      stdio: [0, 1, 2, 'ipc'],
      env: { ...process.env, [MARK_VARIABLE]: this.mark },
    })
    this.child.on('message', (message: FromGuardian) => this.received(message))
    this.exited = new Promise((resolve) => this.child.once('exit', () => resolve()))
    this.child.on('exit', () => this.finish({ type: 'guardian-died' }))
    this.child.on('error', () => this.finish({ type: 'guardian-died' }))
  }

  get alive(): boolean {
    return !this.ended && this.child.connected
  }

  /** Resolves when the guardian holds a copy of the connection. Rejects with LinkError if that cannot be any more. */
  adopt(link: Link): Promise<void> {
    return new Promise((resolve, reject) => {
      const handle = rawHandleOf(link.socket)
      if (handle === null || !this.child.connected) {
        reject(new LinkError('the guardian cannot take the connection'))
        return
      }
      const number = this.lastNumber + 1
      this.lastNumber = number
      const fail = (reason: string): void => {
        clearTimeout(timer)
        this.adoptions.delete(number)
        reject(new LinkError(reason))
      }
      const timer = setTimeout(() => fail('the guardian did not take the connection in time'), ADOPT_TIMEOUT_MS)
      void this.exited.then(() => fail('the guardian died'))
      this.adoptions.set(number, () => {
        clearTimeout(timer)
        resolve()
      })
      this.child.send({ type: 'connection', number } satisfies ToGuardian, handle, (error) => {
        if (error !== null) fail(error.message)
      })
    })
  }

  run(command: GuardedCommand, limit: HoldLimit): void {
    this.say({ type: 'run', command: { ...command, env: { ...command.env, [MARK_VARIABLE]: this.mark } }, limit })
  }

  renew(limit: HoldLimit): void {
    this.say({ type: 'limit', limit })
  }

  terminate(): void {
    this.say({ type: 'terminate' })
  }

  /** Only when no command runs. It goes without a word, and its copy of the connection with it. */
  dismiss(): void {
    this.ended = true
    this.child.kill('SIGKILL')
    if (this.child.connected) this.child.disconnect()
  }

  /**
   * Kills the guardian, and the command that it may have started without having said so: it was killed or stopped just
   * then. Resolves when both are dead.
   */
  async killUnreported(): Promise<void> {
    this.dismiss()
    await this.exited
    const startedAt = performance.now()
    do {
      await Promise.all(groupsWithVariable(MARK_VARIABLE, this.mark).map((group) => group.kill()))
      await sleep(SEARCH_INTERVAL_MS)
      // A command that was being started when its guardian died may appear a moment later.
    } while (performance.now() - startedAt < SEARCH_MS)
  }

  private say(message: ToGuardian): void {
    if (this.child.connected) this.child.send(message, () => {})
  }

  private received(message: FromGuardian): void {
    if (message.type === 'adopted') {
      this.adoptions.get(message.number)?.()
      this.adoptions.delete(message.number)
    } else if (message.type === 'started') this.onStarted(message.processId)
    else this.finish(message)
  }

  private finish(end: GuardedEnd): void {
    if (this.ended) return
    this.ended = true
    this.onEnd(end)
  }
}
