/** The guardian as tnl-do sees it: a process that is started early, gets copies of what it needs, and runs the command. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HoldLimit } from '../../client/session/local-lease.js'
import { type Link, LinkError } from '../../client/transport/link.js'
import { ADOPT_TIMEOUT_MS, KILL_TIMEOUT_MS, SEARCH_INTERVAL_MS, SEARCH_MS } from '../guarding/limits.js'
import type { FromGuardian, GuardedCommand, Resumption, ToGuardian } from '../guarding/messages.js'
import type { ProcessGroup } from '../system/process-group.js'
import { descendantsOf, type ProcessInfo, processesWithVariable, signalProcess } from '../system/processes.js'
import { rawHandleOf } from '../system/raw-handle.js'
import { MARK_VARIABLE, type StartedGuardian } from './started-guardian.js'
import type { Watcher } from './watcher.js'

/** How a command ended: what the guardian said last, or that it died itself. */
export type GuardedEnd = Extract<FromGuardian, { type: 'ended' | 'failed' }> | { readonly type: 'guardian-died' }

export class Guardian {
  /** Called once the command runs; its id is that of its group too. */
  onStarted: (processId: number) => void = () => {}
  /** The terminal has stopped the command. */
  onStopped: (signal: NodeJS.Signals) => void = () => {}
  /** Called once. */
  onEnd: (end: GuardedEnd) => void = () => {}
  readonly #mark: string
  readonly #child: ChildProcess
  readonly #watcher: Watcher
  readonly #others: Set<number>
  readonly #exited: Promise<void>
  readonly #adoptions = new Map<number, () => void>()
  #lastNumber = 0
  #ended = false

  constructor({ child, watcher, mark, others, exited }: StartedGuardian) {
    this.#mark = mark
    this.#child = child
    this.#watcher = watcher
    this.#others = others
    this.#exited = exited
    child.on('message', (message: FromGuardian) => this.#received(message))
    void exited.then(() => this.#finish({ type: 'guardian-died' }))
    child.on('error', () => this.#finish({ type: 'guardian-died' }))
  }

  get alive(): boolean {
    return !this.#ended && this.#child.connected
  }

  /** Resolves when the guardian holds a copy of the connection. Rejects with LinkError if that is no longer possible. */
  adopt(link: Link): Promise<void> {
    return new Promise((resolve, reject) => {
      const handle = rawHandleOf(link.tcp)
      if (handle === null || !this.#child.connected) {
        reject(new LinkError('the guardian cannot take the connection'))
        return
      }
      const number = this.#lastNumber + 1
      this.#lastNumber = number
      const fail = (reason: string): void => {
        clearTimeout(timer)
        this.#adoptions.delete(number)
        reject(new LinkError(reason))
      }
      const timer = setTimeout(() => fail('the guardian did not take the connection in time'), ADOPT_TIMEOUT_MS)
      void this.#exited.then(() => fail('the guardian died'))
      this.#adoptions.set(number, () => {
        clearTimeout(timer)
        resolve()
      })
      this.#child.send({ type: 'connection', number } satisfies ToGuardian, handle, (error) => {
        if (error !== null) fail(error.message)
      })
    })
  }

  /** The node has welcomed the connection; null: it speaks the classic dialect. */
  welcomed(resumption: Resumption | null): void {
    this.#say({ type: 'session', resumption })
  }

  run(command: GuardedCommand, limit: HoldLimit): void {
    const variables = command.variables.filter((variable) => !variable.startsWith(`${MARK_VARIABLE}=`))
    const marked = { ...command, variables: [...variables, `${MARK_VARIABLE}=${this.#mark}`] }
    this.#say({ type: 'run', command: marked, limit })
  }

  renew(limit: HoldLimit): void {
    this.#say({ type: 'limit', limit })
  }

  terminate(): void {
    this.#say({ type: 'terminate' })
  }

  killNow(): void {
    this.#say({ type: 'kill' })
  }

  /** tnl-do was continued after it had stopped with its command. */
  continue(): void {
    this.#say({ type: 'continue' })
  }

  /** Only when nothing of a command is left. It goes without a word, and its copy of the connection with it. */
  dismiss(): void {
    this.#end()
    this.#watcher.done()
  }

  /** After `dismiss`: the guardian and the watcher are dead. */
  async gone(): Promise<void> {
    await Promise.race([Promise.all([this.#exited, this.#watcher.exited]), sleep(KILL_TIMEOUT_MS)])
  }

  /** A child of this process that has nothing to do with the command. */
  ignore(processId: number): void {
    this.#others.add(processId)
  }

  /** Leaves it to itself: something is left that cannot be ended, and while that runs the guardian stays. */
  release(): void {
    this.#ended = true
    if (this.#child.connected) this.#child.disconnect()
    this.#child.unref()
  }

  /** SIGKILL to what can be found of the command without the guardian's help, which it returns. */
  strike(group: ProcessGroup | null): ProcessInfo[] {
    const left = this.#unguarded(group).filter(({ id }) => id !== this.#child.pid)
    group?.signal('SIGKILL')
    for (const { id } of left) signalProcess(id, 'SIGKILL')
    return left
  }

  /**
   * Kills the guardian, and what of the command can be found without it: the processes that carry its mark, those of
   * `group`, and orphans that have come to this process, if it is a child subreaper. Resolves when the guardian is dead and
   * nothing more is found; rejects never. Gives up on what is still there after `timeoutMs`, and returns it.
   */
  async killAll(group: ProcessGroup | null, timeoutMs: number): Promise<readonly ProcessInfo[]> {
    this.#end()
    await this.#exited
    const startedAt = performance.now()
    for (;;) {
      const left = this.strike(group)
      const passedMs = performance.now() - startedAt
      if (left.length === 0 && group?.lives !== true && passedMs >= SEARCH_MS) break
      if (passedMs >= timeoutMs) return left
      await sleep(SEARCH_INTERVAL_MS)
    }
    this.#watcher.done()
    return []
  }

  #unguarded(group: ProcessGroup | null): ProcessInfo[] {
    const found = [
      ...processesWithVariable(MARK_VARIABLE, this.#mark),
      ...descendantsOf(process.pid, this.#others),
      ...(group?.exists === true ? group.members() : []),
    ]
    return [...new Map(found.map((each) => [each.id, each])).values()]
  }

  #end(): void {
    this.#ended = true
    this.#child.kill('SIGKILL')
    if (this.#child.connected) this.#child.disconnect()
  }

  #say(message: ToGuardian): void {
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #received(message: FromGuardian): void {
    if (message.type === 'adopted') {
      this.#adoptions.get(message.number)?.()
      this.#adoptions.delete(message.number)
    } else if (message.type === 'started') this.onStarted(message.processId)
    else if (message.type === 'stopped') this.onStopped(message.signal)
    else this.#finish(message)
  }

  #finish(end: GuardedEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.onEnd(end)
  }
}
