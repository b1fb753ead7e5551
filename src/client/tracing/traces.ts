/**
 * Spans for the traces of a program that uses OpenTelemetry: `lock.wait` from the call to the grant or the refusal, `lock.hold` from
 * the grant to the end. This file has no words of that API, because programs without it compile and run the same.
 */
import type { LostReason } from '../errors.js'

/** A request for a lock, while nothing is decided. */
export interface WaitTrace {
  /** For whoever will wait for this lock; null if nobody records this trace. */
  readonly traceparent: string | null
  queued(): void
  /** The trace of who holds what this request waits for. */
  waitsFor(traceparent: string): void
  granted(token: number): HoldTrace
  failed(error: unknown): void
}

/** A lock that was granted. What comes after its end changes nothing. */
export interface HoldTrace {
  /** Runs `work` so that its own spans are children of the hold. */
  run<Result>(work: () => Result): Result
  lost(reason: LostReason): void
  released(): void
}
