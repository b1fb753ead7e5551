/** What the parts of the network in memory share: who hangs in it, what the weather does, what travels. */
import type { Random, Timer } from '../platform.js'

/** A process as the network sees it. */
export interface Station {
  /** Others dial it under this name. Processes that run one after another on a host have the same name. */
  readonly name: string
  /** Its host's IP address. */
  readonly address: string
  readonly isAlive: boolean
  /** What it does now, in the midst of a callback that hangs, reaches its kernel so much later. */
  readonly lagMs: number
  /** Runs it in the process's own time, like all that a kernel tells a process; never, if the process is dead. */
  deliver(run: () => void): void
}

export interface StationTerms {
  /** A FIN of the other end leaves this end open. */
  readonly allowHalfOpen: boolean
  /**
   * Gives a connection up also while data is unacknowledged (TCP_USER_TIMEOUT). Without it keepalive is silent then, and the
   * kernel goes on for a quarter of an hour.
   */
  readonly givesUpUnacknowledged?: boolean
}

export interface Weather {
  /** How long a piece of bytes takes from one host to another. */
  delayMs(from: string, to: string): number
  /** Nothing gets through at the moment; the kernels send it again later. */
  isHeld(from: string, to: string): boolean
}

/** What one connection is like. */
export interface Texture {
  /** What both kernels together hold of one direction; what exceeds it waits in the writer's process. */
  readonly windowBytes: number
  /** Chance of a write to arrive in two pieces. */
  readonly splitChance: number
}

export interface Time {
  readonly nowMs: number
  after(delayMs: number, run: () => void): Timer
}

export interface Chance extends Random {
  chance(probability: number): boolean
}

/** Bytes, or one of TCP's words. */
export type Parcel = Uint8Array | 'syn' | 'syn-ack' | 'fin' | 'rst'

/** A dead peer is found by keepalive after so long: five seconds of silence, and ten probes without an answer. */
export const KEEPALIVE_MS = 15_000
/** A kernel that was not answered sends again after so long at most. */
export const RESEND_MAX_MS = 200
/** What Node reads from a socket in one go. */
export const READ_MAX_BYTES = 65_536
/** Node's own, for sockets. */
export const HIGH_WATER_MARK_BYTES = 16_384
