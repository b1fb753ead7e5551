import { type ChildProcess, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { parseAsks } from '../checker/amounts.js'
import type { HistoryEntry, HistoryEvent, HistoryValue } from '../types.js'
import type { Recorder } from './client.js'
import type { WorkerEvent } from './worker-messages.js'

const PRIORITY = 10

/** A process of clients that reports its events on stdout. Faults may freeze and kill it: what it leaves open is recorded here. */
export class ReportedProcess {
  readonly child: ChildProcess
  /** With the exit status; null: a signal ended it. Everything it said has been recorded. */
  readonly ended: Promise<number | null>
  stderr = ''
  readonly #numbers = new Map<number, number>()
  readonly #open = new Map<number, HistoryEntry>()
  readonly #held = new Map<string, { readonly process: number; readonly value: HistoryValue }>()
  #lastTime = 0

  constructor(
    private readonly recorder: Recorder,
    file: string,
    words: readonly string[],
  ) {
    this.child = spawn(file, words, { stdio: ['pipe', 'pipe', 'pipe'] })
    const { pid, stdin, stdout, stderr } = this.child
    // Clients shall not starve the nodes, their own start least of all.
    if (pid !== undefined) setPriority(pid, PRIORITY)
    stdin?.on('error', () => {})
    stderr?.on('data', (chunk) => {
      this.stderr = `${this.stderr}${String(chunk)}`.slice(-2_000)
    })
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#said(line))
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.stderr += String(error)
        resolve(null)
      })
      this.child.on('close', (status) => {
        this.#leave()
        resolve(status)
      })
    })
  }

  /** Its clients shall come to their end. */
  finish(): void {
    this.child.stdin?.end()
  }

  #said(line: string): void {
    // Cut off by a kill.
    if (!line.endsWith('}')) return
    const { entry, time } = parseEvent(line)
    this.#lastTime = Math.max(this.#lastTime, time)
    const process = this.#numberOf(entry.process)
    this.#follow({ ...entry, process })
    this.recorder.record({ ...entry, process }, time)
  }

  #numberOf(inner: number): number {
    const number = this.#numbers.get(inner) ?? this.recorder.nextProcess()
    this.#numbers.set(inner, number)
    return number
  }

  #follow(entry: HistoryEntry): void {
    const { type, process, f, value } = entry
    if (type === 'invoke') this.#open.set(process, entry)
    else if (this.#open.get(process)?.f === f) this.#open.delete(process)
    if (f === 'acquire' && type === 'ok') {
      for (const hold of holdsOf(value)) this.#held.set(keyOf(process, hold), { process, value: hold })
    }
    if (f === 'hold-end') this.#held.delete(keyOf(process, value))
  }

  /** The dead believe nothing: nothing is known of them since their last word. */
  #leave(): void {
    for (const { process, value } of this.#held.values()) {
      const { name = '', token } = value
      const end = { name, ...(token === undefined ? {} : { token }), why: 'killed', until: this.#lastTime }
      this.#record({ type: 'info', process, f: 'hold-end', value: end })
    }
    for (const { process, f, value } of this.#open.values()) {
      this.#record({ type: 'info', process, f, value: { ...value, reason: 'killed' } })
    }
  }

  #record(entry: HistoryEntry): void {
    this.recorder.record(entry, this.#lastTime)
  }
}

const keyOf = (process: number, { name, token }: HistoryValue): string => `${process} ${name} ${token ?? ''}`

/** One for each name that was granted. */
function holdsOf(value: HistoryValue): readonly HistoryValue[] {
  const { names, tokens } = value
  if (typeof names !== 'string' || typeof tokens !== 'string') return [value]
  const all = tokens.split(' ')
  return parseAsks(names).map(({ name }, index) => ({ name, token: Number(all[index]) }))
}

function parseEvent(line: string): WorkerEvent {
  const event = JSON.parse(line) as WorkerEvent
  const types: readonly HistoryEvent['type'][] = ['invoke', 'ok', 'fail', 'info']
  if (!types.includes(event.entry.type) || typeof event.time !== 'number') throw new Error(`no event: ${line}`)
  return event
}
