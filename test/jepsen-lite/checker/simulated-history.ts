import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type HistoryEvent, type HistoryValue, NEMESIS } from '../types.js'

export interface SimulatedRun {
  readonly seed: number
  readonly seconds: number
  readonly clients: number
  readonly locks: number
}

interface Request {
  readonly process: number
  readonly name: string
  readonly number: number
  readonly wait: number | null
  /** Called when the node knows the answer. */
  readonly granted: (token: number) => void
  readonly refused: (reason: string) => void
}

interface Lock {
  holder: { readonly process: number; readonly token: number } | null
  readonly queue: Request[]
  /** Of the unguarded register and of the fenced one. */
  version: number
  fencedVersion: number
  fence: number
}

const MS = 1e6
const LEASE_MS = 3_000
const FAULT_EVERY_MS = 6_000

/** The history of a lock service that makes no mistakes, with clients that are cancelled, cut off, frozen and killed. */
export function simulateHistory(run: SimulatedRun): HistoryEvent[] {
  return new Simulation(run).play()
}

class Simulation {
  readonly #random: SeededRandom
  readonly #events: HistoryEvent[] = []
  #agenda: { readonly time: number; readonly action: () => void }[] = []
  readonly #locks = new Map<string, Lock>()
  /** When the cluster answers nobody. */
  readonly #outages: { readonly from: number; readonly to: number }[] = []
  #now = 0
  #lastToken = 1_000
  #lastRequest = 0
  #serverBusyUntil = 0

  constructor(private readonly run: SimulatedRun) {
    this.#random = new SeededRandom(run.seed)
  }

  play(): HistoryEvent[] {
    this.#planFaults()
    for (let process = 0; process < this.run.clients; process++) this.#think(process)
    for (let next = this.#agenda.shift(); next !== undefined; next = this.#agenda.shift()) {
      this.#now = next.time
      next.action()
    }
    return this.#events
  }

  #after(ms: number, action: () => void): void {
    const time = this.#now + Math.round(ms * MS)
    const index = this.#agenda.findIndex((other) => other.time > time)
    this.#agenda.splice(index === -1 ? this.#agenda.length : index, 0, { time, action })
  }

  #record(type: HistoryEvent['type'], process: number, f: string, value: HistoryValue): void {
    const workload = process === NEMESIS ? 'nemesis' : 'simulated'
    this.#events.push({ type, process, f, value, time: this.#now, workload })
  }

  #planFaults(): void {
    for (let node = 1; node <= 3; node++) this.#record('info', NEMESIS, 'node', { node: `n${node}`, state: 'up' })
    this.#record('info', NEMESIS, 'leader', { node: 'n1', term: 1 })
    let term = 1
    for (let at = 2_000; at < this.run.seconds * 1_000 - 4_000; at += FAULT_EVERY_MS) {
      const [fault, state] = this.#random.pick([
        ['kill-leader', 'down'],
        ['pause-node', 'paused'],
        ['partition-leader', 'up'],
      ] as const)
      const target = `n${1 + (term % 3)}`
      const lasts = this.#random.between(1_000, 4_000)
      const silent = this.#random.between(300, 1_500)
      term++
      const heir = { node: `n${1 + (term % 3)}`, term }
      this.#outages.push({ from: at * MS, to: (at + silent) * MS })
      this.#after(at, () => {
        this.#record('info', NEMESIS, fault, { phase: 'start', target })
        this.#record('info', NEMESIS, 'node', { node: target, state })
      })
      this.#after(at + silent, () => this.#record('info', NEMESIS, 'leader', heir))
      this.#after(at + lasts, () => {
        this.#record('info', NEMESIS, fault, { phase: 'end', target })
        this.#record('info', NEMESIS, 'node', { node: target, state: 'up' })
      })
    }
  }

  /** The cluster hears of it, in the order in which it was sent, unless it is silent just now. */
  #atServer(action: () => void): void {
    const arrival = this.#now + this.#random.between(0.3, 5) * MS
    const outage = this.#outages.find(({ from, to }) => arrival >= from && arrival < to)
    this.#serverBusyUntil = Math.max(this.#serverBusyUntil, outage?.to ?? arrival)
    this.#after((this.#serverBusyUntil - this.#now) / MS, action)
  }

  #atClient(action: () => void): void {
    this.#after(this.#random.between(0.3, 5), action)
  }

  #lock(name: string): Lock {
    const lock = this.#locks.get(name) ?? { holder: null, queue: [], version: 0, fencedVersion: 0, fence: 0 }
    this.#locks.set(name, lock)
    return lock
  }

  // The service.

  #ask(request: Request): void {
    const lock = this.#lock(request.name)
    if (lock.holder === null) this.#grant(lock, request)
    else if (request.wait === 0) request.refused('held')
    else {
      lock.queue.push(request)
      if (request.wait !== null) this.#after(request.wait, () => this.#leaveQueue(request, 'timeout'))
    }
  }

  #leaveQueue(request: Request, reason: string): boolean {
    const { queue } = this.#lock(request.name)
    const place = queue.indexOf(request)
    if (place === -1) return false
    queue.splice(place, 1)
    request.refused(reason)
    return true
  }

  #grant(lock: Lock, request: Request): void {
    this.#lastToken += 1 + this.#random.int(3)
    lock.holder = { process: request.process, token: this.#lastToken }
    request.granted(this.#lastToken)
  }

  /** False if this token does not hold the lock. */
  #free(name: string, token: number): boolean {
    const lock = this.#lock(name)
    if (lock.holder?.token !== token) return false
    lock.holder = null
    const next = lock.queue.shift()
    if (next !== undefined) this.#grant(lock, next)
    return true
  }

  // The clients.

  #think(process: number): void {
    this.#after(this.#random.around(100), () => {
      if (this.#now < this.run.seconds * 1_000 * MS) this.#acquire(process)
    })
  }

  #acquire(process: number): void {
    const name = `lock-${this.#random.int(this.run.locks)}`
    const wait = this.#random.pick([0, 50, 300, 2_000, null])
    const number = ++this.#lastRequest
    this.#record('invoke', process, 'acquire', { name, wait, client: 'session' })
    let open = true
    const close = (action: () => void) => () => {
      if (!open) return
      open = false
      action()
    }
    const request: Request = {
      process,
      name,
      number,
      wait,
      granted: (token) => {
        const told = close(() => this.#hold(process, name, number, token))
        this.#atClient(() => (open ? told() : this.#after(this.#random.around(500), () => this.#free(name, token))))
      },
      refused: (reason) => this.#atClient(close(() => this.#refused(process, name, reason))),
    }
    this.#atServer(() => {
      this.#ask(request)
      if (this.#lock(name).queue.includes(request)) {
        this.#atClient(() => open && this.#record('info', process, 'queued', { name }))
      }
    })
    if (this.#random.chance(0.1)) this.#after(this.#random.around(100), () => open && this.#cancel(request))
    if (this.#random.chance(0.05)) {
      const giveUp = close(() => {
        this.#record('info', process, 'acquire', { name, error: 'connection lost' })
        this.#after(this.#random.around(1_000), () => this.#leaveQueue(request, 'gone'))
        this.#think(process)
      })
      this.#after(this.#random.around(50), giveUp)
    }
  }

  #cancel(request: Request): void {
    this.#record('info', request.process, 'cancel', { name: request.name })
    this.#atServer(() => this.#leaveQueue(request, 'cancelled'))
  }

  #refused(process: number, name: string, reason: string): void {
    this.#record('fail', process, 'acquire', { name, reason })
    this.#think(process)
  }

  #hold(process: number, name: string, request: number, token: number): void {
    this.#record('ok', process, 'acquire', { name, token })
    const copies = this.#random.chance(0.1) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.#record('info', process, 'answer', { name, session: `s${process}`, request, answer: 'ok', token })
    }
    const fate = this.#random.float()
    if (fate < 0.03) this.#freeze(process, name, token)
    else if (fate < 0.05) this.#die(process, name, token)
    else
      this.#after(this.#random.around(30), () =>
        this.#write(process, name, token, () => this.#release(process, name, token)),
      )
  }

  /** A read-modify-write of one of the two registers, and then `done`. */
  #write(process: number, name: string, token: number, done: () => void, pauseMs = this.#random.around(3)): void {
    const fenced = this.#random.chance(0.5)
    const f = fenced ? 'write-fenced' : 'write'
    const lock = this.#lock(name)
    const read = fenced ? lock.fencedVersion : lock.version
    if (fenced) lock.fence = Math.max(lock.fence, token)
    this.#record('invoke', process, f, { name, token })
    this.#after(pauseMs, () => {
      if (!fenced) this.#record('ok', process, f, { name, token, read, version: ++lock.version })
      else if (token < lock.fence) this.#record('fail', process, f, { name, token, reason: 'stale' })
      else this.#record('ok', process, f, { name, token, read, version: ++lock.fencedVersion })
      done()
    })
  }

  #release(process: number, name: string, token: number): void {
    this.#record('info', process, 'hold-end', { name, token, why: 'released' })
    this.#record('invoke', process, 'release', { name, token })
    if (this.#random.chance(0.03)) {
      this.#after(100, () => {
        this.#record('info', process, 'release', { name, token, error: 'connection lost' })
        this.#after(this.#random.around(LEASE_MS), () => this.#free(name, token))
        this.#think(process)
      })
      return
    }
    this.#atServer(() => {
      const freed = this.#free(name, token)
      this.#atClient(() => {
        this.#record(freed ? 'ok' : 'fail', process, 'release', {
          name,
          token,
          ...(freed ? {} : { reason: 'not-holder' }),
        })
        this.#think(process)
      })
    })
  }

  /** Stopped for longer than its lease, between reading and writing a register; it notices late. */
  #freeze(process: number, name: string, token: number): void {
    const deadline = this.#now + 0.9 * LEASE_MS * MS
    this.#after(LEASE_MS, () => this.#free(name, token))
    const lasts = LEASE_MS * this.#random.between(1, 2)
    this.#write(process, name, token, () => this.#wake(process, name, token, deadline), lasts)
  }

  #wake(process: number, name: string, token: number, until: number): void {
    this.#record('info', process, 'hold-end', { name, token, why: 'deadline', until })
    if (this.#random.chance(0.5)) this.#think(process)
    else this.#release(process, name, token)
  }

  #die(process: number, name: string, token: number): void {
    this.#after(this.#random.around(50), () => {
      this.#record('info', process, 'hold-end', { name, token, why: 'killed' })
      this.#after(this.#random.between(1, LEASE_MS), () => this.#free(name, token))
      this.#think(process)
    })
  }
}
