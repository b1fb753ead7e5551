/**
 * `--result FILE`: what happened, as one JSON object, for scripts that must not guess from an exit status (docs/runner.md).
 * It is written whole or not at all. An older FILE is removed at the start, so that what is there afterwards is of this run.
 */
import { randomBytes } from 'node:crypto'
import { accessSync, constants, lstatSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Amount } from '../../client/asks.js'
import {
  AlreadyDoneError,
  NotGrantedError,
  RefusedError,
  TcpNetLockError,
  UnauthorizedError,
} from '../../client/errors.js'
import type { Acquired } from '../shared/acquire.js'
import { hasCode } from '../system/processes.js'
import type { DoOptions } from './options.js'
import type { CommandEnd, Loss } from './supervision.js'

const STDOUT = 1
const STDERR = 2

/** What became of the run, in one word. */
export type OutcomeWord =
  /** The command ran to its end under the lock. */
  | 'ran'
  /** The lock was lost while it ran. */
  | 'lost'
  /** It was done before (`--once`), and was not run. */
  | 'done-before'
  | 'not-granted'
  /** It would have waited for a lock around it, or in a circle. */
  | 'deadlock'
  /** A signal ended the wait. */
  | 'interrupted'
  /** No node, or no quorum. */
  | 'unreachable'
  /** Anything else: the cluster refused the request, the command could not be started. */
  | 'failed'

/** Times are in ISO 8601, lengths in seconds. What does not apply is null. */
export interface RunResult {
  readonly version: 1
  readonly outcome: OutcomeWord
  /** With which tnl-do ends. */
  readonly exitStatus: number
  readonly locks: readonly {
    readonly name: string
    readonly mode: 'exclusive' | 'shared' | 'permits'
    readonly permits: number | null
    readonly limit: number | null
    readonly token: number | null
  }[]
  /** How the command itself ended. */
  readonly command: { readonly status: number | null; readonly signal: string | null } | null
  readonly lost: Loss | null
  readonly notGranted: {
    readonly name: string
    readonly reason: string
    readonly holder: string | null
    readonly holders: number | null
    readonly forSeconds: number | null
    readonly message: string | null
  } | null
  readonly once: {
    readonly key: string
    /** The success of this run is committed. */
    readonly marked: boolean
    readonly doneBefore: { readonly since: string | null; readonly holder: string | null } | null
  } | null
  /** `serverCode`: of a refusal by the cluster, its word. */
  readonly error: { readonly code: string; readonly serverCode: string | null; readonly message: string } | null
  readonly clientId: string
  readonly session: string | null
  readonly cluster: string | null
  readonly startedAt: string
  readonly grantedAt: string | null
  readonly endedAt: string
  readonly waitedSeconds: number
  readonly heldSeconds: number | null
}

/** Throws with the system's words if `path` will not be writable. `given`: the descriptors besides 0–2 that this process was given. */
export function prepareResult(path: string, given: readonly number[]): void {
  const descriptor = descriptorOf(path)
  if (descriptor !== null) {
    // Others of such a number are Node's own.
    if (descriptor > STDERR && !given.includes(descriptor)) throw new Error(`EBADF: ${path} was not given to tnl-do`)
    return
  }
  const found = typeOf(path)
  if (found === 'directory') throw new Error(`EISDIR: '${path}' is a directory`)
  if (found === 'other') {
    accessSync(path, constants.W_OK)
    return
  }
  accessSync(dirname(path), constants.W_OK | constants.X_OK)
  rmSync(path, { force: true })
}

/** A file that is open already. Opening it by that name again fails for a socket, as services have it for their output. */
function descriptorOf(path: string): number | null {
  const [, number] = /^\/dev\/fd\/(\d+)$/.exec(path) ?? []
  if (number !== undefined) return Number(number)
  return path === '/dev/stdout' ? STDOUT : path === '/dev/stderr' ? STDERR : null
}

/** `file`, also where there is none yet; `other`: a pipe, a terminal or another device, or a link to one. */
function typeOf(path: string): 'file' | 'directory' | 'other' {
  try {
    if (lstatSync(path).isFile()) return 'file'
    const target = statSync(path)
    return target.isDirectory() ? 'directory' : target.isFile() ? 'file' : 'other'
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'file'
    throw error
  }
}

/** Throws with the system's words. */
export function writeResult(path: string, result: RunResult): void {
  const text = `${JSON.stringify(result, null, 2)}\n`
  const descriptor = descriptorOf(path)
  if (descriptor !== null) {
    writeFileSync(descriptor, text)
    return
  }
  if (typeOf(path) === 'other') {
    writeFileSync(path, text)
    return
  }
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    writeFileSync(temporary, text, { flag: 'wx' })
    renameSync(temporary, path)
  } catch (error) {
    try {
      unlinkSync(temporary)
    } catch {
      // It was never made.
    }
    throw error
  }
}

/** Collects what happens in one run. */
export class RunRecord {
  readonly #startedAt = new Date()
  readonly #started = performance.now()
  #granted: { readonly acquired: Acquired; readonly at: Date; readonly since: number } | null = null
  #heldMs: number | null = null
  #command: CommandEnd | null = null
  #loss: Loss | null = null
  #marked = false
  #error: unknown = null
  #outcome: OutcomeWord = 'failed'

  constructor(private readonly options: DoOptions) {}

  granted(acquired: Acquired): void {
    this.#granted = { acquired, at: new Date(), since: performance.now() }
  }

  ended(command: CommandEnd | null, loss: Loss | null): void {
    this.#command = command
    this.#loss = loss
    this.#heldMs = performance.now() - (this.#granted?.since ?? 0)
    this.#outcome = loss !== null ? 'lost' : command !== null ? 'ran' : 'failed'
  }

  marked(): void {
    this.#marked = true
  }

  outcome(word: OutcomeWord, error: unknown = null): void {
    this.#outcome = word
    this.#error = error
  }

  toResult(exitStatus: number): RunResult {
    const { session, grants } = this.#granted?.acquired ?? { session: null, grants: [] }
    const now = performance.now()
    return {
      version: 1,
      outcome: this.#outcome,
      exitStatus,
      locks: this.options.asks.map(({ name, amount }) => {
        const grant = grants.find((each) => each.name === name)
        return { name, ...amountOf(amount, grant?.limit), token: grant?.token ?? null }
      }),
      command: this.#command === null ? null : { status: this.#command.code, signal: this.#command.signal },
      lost: this.#loss,
      notGranted: notGrantedOf(this.#error),
      once: this.#onceOf(),
      error: errorOf(this.#error),
      clientId: this.options.session.clientId,
      session: session?.id ?? null,
      cluster: session?.clusterId ?? null,
      startedAt: this.#startedAt.toISOString(),
      grantedAt: this.#granted?.at.toISOString() ?? null,
      endedAt: new Date().toISOString(),
      waitedSeconds: inSeconds((this.#granted?.since ?? now) - this.#started),
      heldSeconds: this.#heldMs === null ? null : inSeconds(this.#heldMs),
    }
  }

  #onceOf(): RunResult['once'] {
    const { once: key } = this.options.terms
    if (key === undefined) return null
    const error = this.#error
    const doneBefore =
      error instanceof AlreadyDoneError ? { since: error.since?.toISOString() ?? null, holder: error.holder } : null
    return { key, marked: this.#marked, doneBefore }
  }
}

function amountOf(
  amount: Amount,
  inForce: number | undefined,
): Pick<RunResult['locks'][number], 'mode' | 'permits' | 'limit'> {
  if (typeof amount === 'string') return { mode: amount, permits: null, limit: null }
  return { mode: 'permits', permits: amount.permits, limit: inForce ?? amount.limit }
}

function notGrantedOf(error: unknown): RunResult['notGranted'] {
  if (!(error instanceof NotGrantedError)) return null
  const { lockName: name, reason, holder, details } = error
  const { holders, forMs, words } = details
  const forSeconds = forMs === undefined ? null : inSeconds(forMs)
  return { name, reason, holder, holders: holders ?? null, forSeconds, message: words ?? null }
}

function errorOf(error: unknown): RunResult['error'] {
  if (!(error instanceof Error) || error instanceof AlreadyDoneError) return null
  const code = error instanceof TcpNetLockError || 'code' in error ? String(error.code) : 'unknown'
  return { code, serverCode: serverCodeOf(error), message: error.message }
}

function inSeconds(ms: number): number {
  return Math.round(ms) / 1000
}

function serverCodeOf(error: unknown): string | null {
  return error instanceof RefusedError || error instanceof UnauthorizedError ? error.serverCode : null
}
