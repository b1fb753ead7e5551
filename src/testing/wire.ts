import type { Parcel, Time, Weather } from './memory-tcp.js'

/** Who sends on a wire. */
interface Sender {
  readonly name: string
  readonly lagMs: number
}

/** One direction of a connection: in order, after a delay, and held while nothing gets through. */
export class Wire {
  /** Nothing gets through on this connection. */
  isCut = false
  /** Somebody in the middle keeps what comes, though the connection is there. */
  isBlocked = false
  /** Sees what is sent, before the delay. */
  onSent: ((parcel: Parcel) => void) | null = null
  #isDead = false
  #isSevered = false
  #busyUntilMs = 0
  /** Sent and not arrived, in order. Each arrival takes the oldest: two times that ought to be equal may differ in the last bit. */
  readonly #underWay: Parcel[] = []
  readonly #held: Parcel[] = []

  constructor(
    private readonly time: Time,
    private readonly weather: Weather,
    private readonly sender: () => Sender,
    private readonly to: string,
    private readonly arrive: (parcel: Parcel) => void,
  ) {}

  push(parcel: Parcel): void {
    this.onSent?.(parcel)
    if (this.#isSevered) return
    const { time, weather } = this
    const { name, lagMs } = this.sender()
    const atMs = Math.max(this.#busyUntilMs, time.nowMs + lagMs + weather.delayMs(name, this.to))
    this.#busyUntilMs = atMs
    this.#underWay.push(parcel)
    time.after(atMs - time.nowMs, () => this.#deliverNext())
  }

  #deliverNext(): void {
    const parcel = this.#underWay.shift()
    if (this.#isDead || parcel === undefined) return
    if (this.#held.length > 0 || this.#isHeld(parcel)) this.#held.push(parcel)
    else this.arrive(parcel)
  }

  /** Delivers what nothing holds back. */
  release(): readonly Parcel[] {
    const arrived: Parcel[] = []
    for (let [parcel] = this.#held; parcel !== undefined && !this.#isHeld(parcel); [parcel] = this.#held) {
      this.#held.shift()
      arrived.push(parcel)
      this.arrive(parcel)
    }
    return arrived
  }

  /** What is under way is lost, and so is what is sent from now on. */
  die(): void {
    this.#isDead = true
    this.#underWay.length = 0
    this.#held.length = 0
  }

  /** What is sent from now on never arrives; what is under way does. */
  sever(): void {
    this.#isSevered = true
  }

  /** Nothing gets from one end to the other. */
  get isDown(): boolean {
    return this.isCut || this.#isSevered || this.weather.isHeld(this.sender().name, this.to)
  }

  #isHeld(parcel: Parcel): boolean {
    const isCut = this.isCut || this.weather.isHeld(this.sender().name, this.to)
    return isCut || (this.isBlocked && parcel !== 'syn' && parcel !== 'syn-ack')
  }
}
