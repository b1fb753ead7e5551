import type { Index, ReadState } from '../core/types.js'

type Done = (index: Index | null) => void

/** Questions of a follower under way: their answers may be lost, and then nothing else ends them. */
const FOLLOWER_READS = 64

/** Rounds of a quorum that confirm what is committed (thesis 6.4): those that were asked in one turn share one. */
export class Reads {
  #askedOfLeader: Done[] = []
  #askedAnywhere: Done[] = []
  readonly #inFlight = new Map<number, readonly Done[]>()
  #context: number

  /** `firstContext` is random: an answer to an earlier process of this node must not fit a question of this one. */
  constructor(firstContext: number) {
    this.#context = firstContext
  }

  /** `done(null)` unless this node leads. */
  askLeader(done: Done): void {
    this.#askedOfLeader.push(done)
  }

  /** A follower asks through its leader; an answer that is lost never comes. */
  askAnywhere(done: Done): void {
    this.#askedAnywhere.push(done)
  }

  /** Begins the round of this turn. `readIndex` hands its context to the core. */
  begin(isLeader: boolean, hasLeader: boolean, readIndex: (context: Uint8Array) => void): void {
    if (this.#askedOfLeader.length + this.#askedAnywhere.length === 0) return
    const asked = isLeader ? [...this.#askedOfLeader, ...this.#askedAnywhere] : hasLeader ? this.#askedAnywhere : []
    const refused = [...this.#askedOfLeader, ...this.#askedAnywhere].filter((done) => !asked.includes(done))
    this.#askedOfLeader = []
    this.#askedAnywhere = []
    for (const done of refused) done(null)
    if (asked.length === 0) return
    const context = ++this.#context
    this.#inFlight.set(context, asked)
    if (!isLeader && this.#inFlight.size > FOLLOWER_READS) this.#forgetOldest()
    readIndex(contextBytes(context))
  }

  confirmed({ context, index }: ReadState): void {
    const number = contextNumber(context)
    const waiting = this.#inFlight.get(number)
    this.#inFlight.delete(number)
    for (const done of waiting ?? []) done(index)
  }

  /** Who leads has changed: nobody knows what becomes of what is under way. */
  fail(): void {
    const inFlight = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const waiting of inFlight) for (const done of waiting) done(null)
  }

  #forgetOldest(): void {
    for (const [context, waiting] of this.#inFlight) {
      this.#inFlight.delete(context)
      for (const done of waiting) done(null)
      return
    }
  }
}

function contextBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}

function contextNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0)
}
