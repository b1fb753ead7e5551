/** Machines with clocks of their own, and processes with an event loop that can stall, be stopped, and die. */
import type { Clock, Timer } from '../../src/platform.js'
import type { World } from './world.js'

const WALL_ORIGIN_MS = 1_700_000_000_000

/** A computer: its clocks go on when a process ends. */
export class Machine {
  bootId: string
  #boots = 0
  /** On this machine's monotonic clock, the time for which it was suspended. */
  #suspendedMs = 0
  #suspendedSinceMs: number | null = null
  /** What its processes do when it wakes; two may run on it. */
  #onResumed: (() => void)[] = []
  #rate: number
  /** Since when, in world time, its clocks run at this rate, and what they showed then. */
  #rateSinceMs = 0
  #shownThenMs = 0
  /** Somebody has set the time of day by this: no other clock knows. */
  wallOffsetMs = 0
  /** Somebody has read the clocks ahead of the world: until then they go on as they did. */
  #readAheadUntilMs = 0
  readonly #onRate: (() => void)[] = []

  constructor(
    readonly world: World,
    readonly name: string,
    rate: number,
  ) {
    this.#rate = rate
    this.bootId = `${name}-boot-0`
  }

  /** How fast its clocks run. */
  get rate(): number {
    return this.#rate
  }

  /** From now on they run at another rate; they never jump. False: not now. */
  changeRate(rate: number): boolean {
    const { nowMs } = this.world
    if (rate === this.#rate || nowMs < this.#readAheadUntilMs) return false
    this.#shownThenMs = this.bootMs(nowMs)
    this.#rateSinceMs = nowMs
    this.#rate = rate
    for (const run of this.#onRate) run()
    return true
  }

  /** What waits for a time on its clocks has to reckon anew when these change their rate. */
  whenRateChanges(run: () => void): void {
    this.#onRate.push(run)
  }

  readAheadUntil(worldMs: number): void {
    this.#readAheadUntilMs = Math.max(this.#readAheadUntilMs, worldMs)
  }

  get isSuspended(): boolean {
    return this.#suspendedSinceMs !== null
  }

  /** Stands still while the machine is suspended. */
  monotonicMs(worldMs = this.world.nowMs): number {
    const bootMs = this.#suspendedSinceMs ?? this.bootMs(worldMs)
    return bootMs - this.#suspendedMs
  }

  bootMs(worldMs = this.world.nowMs): number {
    return this.#shownThenMs + (worldMs - this.#rateSinceMs) * this.#rate
  }

  suspend(): void {
    this.#suspendedSinceMs ??= this.bootMs()
  }

  resume(): void {
    if (this.#suspendedSinceMs === null) return
    this.#suspendedMs += this.bootMs() - this.#suspendedSinceMs
    this.#suspendedSinceMs = null
    for (const run of this.#onResumed.splice(0)) run()
  }

  whenResumed(run: () => void): void {
    this.#onResumed.push(run)
  }

  reboot(): void {
    this.bootId = `${this.name}-boot-${++this.#boots}`
  }
}

type Phase = 'timers' | 'io' | 'soon'
const NEXT_PHASE = { timers: 'io', io: 'soon', soon: 'timers' } as const

interface SimTimer {
  readonly dueMs: number
  run: (() => void) | null
  /** The event at which it is due, as the clocks run now. */
  alarm: Timer | null
}

/** One event loop in libuv's order: timers, sockets and disk, immediates. One callback at a time; promises settle between. */
export class Process {
  readonly clock: Clock
  isAlive = true
  /** No other node hears of it any more, and its directory runs elsewhere. */
  isCutOff = false
  /** It ended with its machine: no kernel closed its connections. */
  diedSilently = false
  #isStopped = false
  #phase: Phase = 'timers'
  /** Callbacks of the present phase that are left; what arrives meanwhile waits for the next round. */
  #left = 0
  readonly #queues: Record<Phase, (() => void)[]> = { timers: [], io: [], soon: [] }
  #endOfTurn: (() => void)[] = []
  #isEndingTurn = false
  #pumping = false
  #wakeAtMs = 0
  readonly #onKilled: (() => void)[] = []
  #armed: { name: string; left: number; stallMs: number | null } | null = null
  /** The callback that runs hung until then. */
  #hungUntilMs = 0
  /** Those that the world will say are due. */
  readonly #timers = new Set<SimTimer>()

  constructor(
    readonly world: World,
    readonly machine: Machine,
    readonly name: string,
  ) {
    this.clock = {
      speakerNow: () => machine.bootMs(this.#nowMs),
      takerNow: () => machine.monotonicMs(this.#nowMs),
      wallNow: () => Math.max(0, WALL_ORIGIN_MS + machine.wallOffsetMs + Math.floor(machine.bootMs(this.#nowMs))),
      after: (delayMs, run) => this.#after(delayMs, run),
      soon: (run) => this.#soon(run),
    }
    machine.whenRateChanges(() => this.#rearm())
  }

  /** What it does now, in the midst of a callback that hung, happens so much later. */
  get lagMs(): number {
    return Math.max(0, this.#hungUntilMs - this.world.nowMs)
  }

  get #nowMs(): number {
    return this.world.nowMs + this.lagMs
  }

  get isRunning(): boolean {
    return this.isAlive && !this.#isStopped && !this.machine.isSuspended
  }

  /**
   * Something arrived from the kernel: it is handled in the loop's own time, never after the end of the process. With
   * `isInTurn` the loop was told of it together with what it handles now, and comes to it in the same turn.
   */
  deliver(run: () => void, isInTurn = false): void {
    if (isInTurn && this.#phase === 'io' && this.isRunning) this.#queues.io.splice(this.#left++, 0, run)
    else this.#enqueue('io', run)
  }

  onKilled(run: () => void): void {
    this.#onKilled.push(run)
  }

  /** SIGKILL, or the power went off: no code of the process runs any more. */
  kill(silently = false): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.diedSilently = silently
    // Whoever kills it has woken its machine.
    this.machine.resume()
    for (const run of this.#onKilled) run()
  }

  /** SIGSTOP, or a loop that hangs; `suspend`: the machine sleeps, and its monotonic clock with it. */
  stop(ms: number, suspend = false): void {
    if (!this.isAlive) return
    if (suspend) this.machine.suspend()
    this.#isStopped = true
    this.#wakeAtMs = Math.max(this.#wakeAtMs, this.world.nowMs + ms)
    this.world.after(ms, () => {
      if (this.#isStopped && this.world.nowMs >= this.#wakeAtMs) this.cont()
    })
  }

  cont(): void {
    this.machine.resume()
    if (!this.#isStopped) return
    this.#isStopped = false
    this.#wakeAtMs = 0
    // The loop was waiting in the kernel or not: both orders happen.
    this.#phase = this.world.random.chance(0.5) ? 'timers' : 'io'
    this.#left = this.#queues[this.#phase].length
    this.#pump()
  }

  /** The process dies at the `count`-th time that it passes `name`. */
  armFailpoint(name: string, count: number): void {
    this.#armed = { name, left: count, stallMs: null }
  }

  /** It hangs at the `count`-th time that it passes `name`, in the midst of a turn: what it does next, it does that much later. */
  armStall(name: string, count: number, ms: number): void {
    this.#armed = { name, left: count, stallMs: ms }
  }

  /** True if the process died here: nothing after this point must have an effect. */
  pass(failpoint: string): boolean {
    if (!this.isAlive) return true
    if (this.#armed?.name !== failpoint || --this.#armed.left > 0) return false
    const { stallMs } = this.#armed
    this.#armed = null
    if (stallMs !== null) {
      this.world.count('seen stall in a turn')
      this.world.note(`${this.name} hangs at ${failpoint} for ${Math.round(stallMs)} ms`)
      this.#hungUntilMs = this.world.nowMs + stallMs
      this.machine.readAheadUntil(this.#hungUntilMs)
      this.stop(stallMs)
      return false
    }
    this.world.count(`crash at ${failpoint}`)
    this.world.note(`${this.name} dies at ${failpoint}`)
    this.kill()
    return true
  }

  /** As `SystemClock` does: what the end of a turn asks for is done in the same turn, once. */
  #soon(run: () => void): void {
    this.#endOfTurn.push(run)
    if (this.#endOfTurn.length > 1 || this.#isEndingTurn) return
    this.#enqueue('soon', () => {
      this.#isEndingTurn = true
      this.#runEndOfTurn()
      this.#runEndOfTurn()
      this.#isEndingTurn = false
      const [first, ...rest] = this.#endOfTurn.splice(0)
      if (first !== undefined) this.#soon(first)
      this.#endOfTurn.push(...rest)
    })
  }

  #runEndOfTurn(): void {
    for (const run of this.#endOfTurn.splice(0)) if (this.isAlive) run()
  }

  #after(delayMs: number, run: () => void): Timer {
    const timer: SimTimer = { dueMs: this.clock.takerNow() + Math.max(0, delayMs), run, alarm: null }
    this.#arm(timer)
    return {
      cancel: () => {
        timer.run = null
      },
    }
  }

  #arm(timer: SimTimer): void {
    const leftMs = (timer.dueMs - this.machine.monotonicMs()) / this.machine.rate
    this.#timers.add(timer)
    timer.alarm = this.world.after(leftMs, () => {
      this.#timers.delete(timer)
      if (timer.run === null || !this.isAlive) return
      if (this.machine.isSuspended) this.machine.whenResumed(() => this.#arm(timer))
      else this.#enqueue('timers', () => timer.run?.())
    })
  }

  #rearm(): void {
    if (!this.isAlive) return
    for (const timer of [...this.#timers]) {
      timer.alarm?.cancel()
      this.#timers.delete(timer)
      if (timer.run !== null) this.#arm(timer)
    }
  }

  #enqueue(phase: Phase, run: () => void): void {
    if (!this.isAlive) return
    this.#queues[phase].push(run)
    this.#pump()
  }

  #pump(): void {
    if (this.machine.isSuspended) this.machine.whenResumed(() => this.#pump())
    if (this.#pumping || !this.isRunning) return
    this.#pumping = true
    this.world.after(0, () => {
      this.#pumping = false
      if (this.machine.isSuspended) this.machine.whenResumed(() => this.#pump())
      if (!this.isRunning) return
      const run = this.#next()
      if (run === undefined) return
      run()
      this.#pump()
    })
  }

  #next(): (() => void) | undefined {
    for (let phases = 0; phases <= 3; phases++) {
      if (this.#left > 0) {
        this.#left--
        return this.#queues[this.#phase].shift()
      }
      this.#phase = NEXT_PHASE[this.#phase]
      this.#left = this.#queues[this.#phase].length
    }
    return undefined
  }
}
