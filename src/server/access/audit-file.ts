/**
 * The audit: a line of JSON for each thing that was done or refused, in a file of its own (docs/operations/access.md).
 *
 * Nobody waits for it, and it ends nothing: where its disk is full or hangs, the node serves on, the lines that are lost are
 * counted, the log and a metric say so, and the first line that is written again says how many are missing. A stranger decides
 * how often he is refused: the same refusal is written a few times in a while and then counted.
 */
import { close, open, openSync, write } from 'node:fs'
import type { Clock, Timer } from '../../platform.js'
import type { Audit, AuditRecord } from '../../service/access/audit.js'
import type { Caller } from '../../service/access/caller.js'
import { UsageError } from '../exit-codes.js'
import { AUDIT_ACTION_MAX_CHARS, AUDIT_FLUSH_MAX_MS, LOG_REPEATS_WINDOW_MS } from '../limits.js'
import { LogOutput, type LogSink } from '../logging/log-output.js'
import { LogRepeats } from '../logging/log-repeats.js'

export interface AuditFileOptions {
  readonly file: string
  readonly nodeId: string
  readonly wantsGrants: boolean
  readonly clock: Pick<Clock, 'takerNow' | 'wallNow' | 'after'>
  warn(message: string): void
}

/** Of the hash of a token: enough to tell which of an identity's tokens it was. */
const EVIDENCE_SHOWN_CHARS = 8
/** Its lines name who did what where. */
const FILE_MODE = 0o600

export class AuditFile implements Audit {
  readonly wantsGrants: boolean
  readonly #sink: FileSink
  readonly #output: LogOutput
  readonly #repeats: LogRepeats
  #timer: Timer | null = null
  #isFailing = false
  #isReopening = false
  #isReopenDue = false

  /** Throws UsageError if the file cannot be written. */
  constructor(private readonly options: AuditFileOptions) {
    const { file, clock, wantsGrants } = options
    this.wantsGrants = wantsGrants
    try {
      this.#sink = new FileSink(openSync(file, 'a', FILE_MODE), (error) => this.#wrote(error))
    } catch (error) {
      throw new UsageError(`--audit-file ${file}: ${describe(error)}`)
    }
    const nowMs = (): number => clock.takerNow()
    this.#output = new LogOutput(this.#sink, nowMs)
    this.#output.onDropped = (lines) => this.#write({ action: 'lost', times: lines })
    this.#repeats = new LogRepeats(nowMs)
  }

  /** Lines that could not be written, since the start. */
  get lostLines(): number {
    return this.#output.droppedLines
  }

  record({ caller, remote, action: asked, name, token, result, reason }: AuditRecord): void {
    const action = asked.length > AUDIT_ACTION_MAX_CHARS ? `${asked.slice(0, AUDIT_ACTION_MAX_CHARS)}…` : asked
    if (result === 'refused' && !this.#admits(`${caller.id} ${action}: ${reason ?? ''}`, remote)) return
    const who = { identity: caller.id || undefined, proof: proofOf(caller), address: remote }
    this.#write({ ...who, action, name, token, result, reason })
  }

  /**
   * SIGHUP: whoever rotates files has renamed the old one. One that cannot be opened leaves the old one in use. Where that hangs,
   * it takes one thread of few, however often it is asked for.
   */
  reopen(): void {
    this.#isReopenDue = true
    if (this.#isReopening) return
    this.#isReopening = true
    this.#isReopenDue = false
    const { file, warn } = this.options
    open(file, 'a', FILE_MODE, (error, fd) => {
      this.#isReopening = false
      if (error === null) this.#sink.use(fd)
      else warn(`--audit-file ${file}: ${error.message}; the file from before is written on`)
      if (this.#isReopenDue) this.reopen()
    })
  }

  /** Before the end of the process. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#sayRepeated(true)
    await this.#output.flushed(AUDIT_FLUSH_MAX_MS)
  }

  #admits(kind: string, remote: string): boolean {
    const isAdmitted = this.#repeats.admit(kind, remote)
    this.#tellLater()
    return isAdmitted
  }

  /** What began later than others is told later. */
  #tellLater(): void {
    this.#timer ??= this.options.clock.after(LOG_REPEATS_WINDOW_MS, () => {
      this.#timer = null
      this.#sayRepeated(false)
      if (this.#repeats.kindCount > 0) this.#tellLater()
    })
  }

  #sayRepeated(all: boolean): void {
    for (const { message, times, remotes } of this.#repeats.take(all)) {
      this.#write({ action: 'repeated', result: 'refused', reason: message, times, addresses: remotes })
    }
  }

  #wrote(error: Error | null): void {
    if (error !== null) this.#fails(error.message)
    else if (this.#isFailing) {
      this.#isFailing = false
      const { file, warn } = this.options
      warn(`--audit-file ${file}: is written again; ${this.lostLines} lines are lost since the start`)
    }
  }

  #fails(why: string): void {
    if (this.#isFailing) return
    this.#isFailing = true
    this.options.warn(`--audit-file ${this.options.file}: ${why}: what is done now is not written down`)
  }

  #write(facts: object): void {
    const time = new Date(this.options.clock.wallNow()).toISOString()
    const { lostLines } = this
    this.#output.write(`${JSON.stringify({ time, node: this.options.nodeId, ...facts })}\n`)
    if (this.lostLines > lostLines) this.#fails('its disk hangs')
  }
}

/** Where the lines go. A write that failed half-way leaves half a line: the next one begins a new line. */
class FileSink implements LogSink {
  #fd: number
  #nextFd: number | null = null
  #isWriting = false
  #isTorn = false

  constructor(
    fd: number,
    private readonly wrote: (error: Error | null) => void,
  ) {
    this.#fd = fd
  }

  /** Once nothing is under way to the old one. */
  use(fd: number): void {
    if (this.#nextFd !== null) close(this.#nextFd, () => undefined)
    this.#nextFd = fd
    if (!this.#isWriting) this.#turn()
  }

  write(text: string, done: (error: Error | null) => void): void {
    this.#isWriting = true
    this.#writeAll(Buffer.from(this.#isTorn ? `\n${text}` : text), (error, written) => {
      this.#isWriting = false
      this.#isTorn = error !== null && (this.#isTorn || written)
      this.#turn()
      this.wrote(error)
      done(error)
    })
  }

  /** The process ends: what is left is lost. */
  writeNow(): void {}

  #turn(): void {
    if (this.#nextFd === null) return
    // Elsewhere than here: on some file systems it waits for what was written.
    close(this.#fd, () => undefined)
    this.#fd = this.#nextFd
    this.#nextFd = null
    this.#isTorn = false
  }

  #writeAll(bytes: Buffer, done: (error: Error | null, written: boolean) => void, isPart = false): void {
    write(this.#fd, bytes, (error, count) => {
      if (error !== null) done(error, isPart)
      else if (count < bytes.length) this.#writeAll(bytes.subarray(count), done, true)
      else done(null, true)
    })
  }
}

function proofOf({ proof, evidence }: Caller): string | undefined {
  if (proof === 'none') return undefined
  return `${proof} ${proof === 'token' ? evidence.slice(0, EVIDENCE_SHOWN_CHARS) : evidence}`
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
