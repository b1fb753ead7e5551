import { connect, type Socket } from 'node:net'

const PROBE_INTERVAL_MS = 20
const RETRY_MS = 20

/** Another client of one node: it takes and releases a lock of its own all the time, and notes when that worked. */
export class Probe {
  /** When a lock was granted, in the time of `performance.now()`. */
  readonly grantedAtMs: number[] = []
  /** Connections that ended without an answer, and answers that were errors. */
  errors = 0
  readonly #port: number
  readonly #line: string
  #socket: Socket | null = null
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(name: string, port: number) {
    this.#port = port
    this.#line = `lock,name:${name}\nrelease\n`
  }

  start(): void {
    if (this.#stopped) return
    const startedMs = performance.now()
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true })
    this.#socket = socket
    let granted = false
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(this.#line))
    socket.on('data', (text: string) => {
      if (granted || !text.startsWith('ok\n')) return
      granted = true
      this.grantedAtMs.push(performance.now())
    })
    // The end of a connection says it all, however it came about.
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!granted && !this.#stopped) this.errors += 1
      const nextMs = granted ? Math.max(0, startedMs + PROBE_INTERVAL_MS - performance.now()) : RETRY_MS
      this.#timer = setTimeout(() => this.start(), nextMs)
    })
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  /** The longest time without a grant that touches the interval; the probe's own interval is in it. */
  longestGapMs(fromMs: number, toMs: number): number {
    let longestMs = 0
    let previousMs = fromMs
    for (const atMs of this.grantedAtMs) {
      if (atMs >= fromMs) longestMs = Math.max(longestMs, Math.min(atMs, toMs) - previousMs)
      previousMs = Math.max(previousMs, atMs)
      if (atMs > toMs) return longestMs
    }
    return Math.max(longestMs, toMs - previousMs)
  }
}
