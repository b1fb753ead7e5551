/** The process of a node in virtual time, with the kernel's clocks and the disk, which outlive it. */
import type { Clock, Timer } from '../../../src/platform.js'
import type { EpochRecord, EpochRecords } from '../../../src/service/lock-service.js'
import type { Process, World } from './world.js'

export class FakeProcess implements Process {
  crashed = true
  pausedUntilMs = 0
  /** For how long the machine was suspended: only who speaks counts it. */
  suspendedMs = 0
  /** The wall clock is wrong by this. */
  wallOffsetMs = 0
  records: readonly EpochRecord[] = []
  bootId = 'boot-1'
  localFs = true
  /** How long the disk takes to sync a record. */
  storeMs = 0
  #life = 0

  constructor(
    readonly world: World,
    readonly rate: number,
  ) {}

  /** Which of the processes that ran here one after another this is. */
  get life(): number {
    return this.#life
  }

  /** Another process takes the place of the one that has crashed. */
  begin(): void {
    this.crashed = false
    this.#life++
  }

  /** SIGSTOP now, SIGCONT after `ms`. */
  pause(ms: number): void {
    this.pausedUntilMs = this.world.nowMs + ms
  }

  get isPaused(): boolean {
    return this.pausedUntilMs > this.world.nowMs
  }

  /** Runs `act` in this process: late if it is paused, never if the process is another one by then. */
  inProcess(delayMs: number, act: () => void): Timer {
    const life = this.#life
    return this.world.after(delayMs, this, () => {
      if (life === this.#life) act()
    })
  }

  clock(): Clock {
    const now = () => this.world.nowMs * this.rate
    return {
      speakerNow: () => now() + this.suspendedMs,
      takerNow: now,
      wallNow: () => Math.floor(now()) + this.wallOffsetMs,
      after: (delayMs, run) => this.inProcess(Math.max(0, delayMs) / this.rate, run),
      soon: (run) => {
        this.inProcess(0, run)
      },
    }
  }

  epochRecords(): EpochRecords {
    return {
      bootId: this.bootId,
      lockIdentity: '1:2',
      localFs: this.localFs,
      load: () => this.#promise(() => this.records),
      store: (records) =>
        this.#promise(() => {
          this.records = records
        }, this.storeMs),
    }
  }

  /** Settled at once or in virtual time, which does not yield to real microtasks. */
  #promise<T>(make: () => T, delayMs = 0): Promise<T> {
    const settle = (fulfilled: (value: T) => void): void => {
      if (delayMs === 0) fulfilled(make())
      else this.inProcess(delayMs, () => fulfilled(make()))
    }
    // biome-ignore lint/suspicious/noThenProperty: a synchronous stand-in for a promise is the point
    return { then: settle } as unknown as Promise<T>
  }
}
