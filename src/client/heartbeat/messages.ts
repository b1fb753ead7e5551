/** What the thread of a client's connections and the thread of its program say to each other. */
import type { TlsMaterial } from '../security/secure-stream.js'
import type { Instant } from '../session/local-lease.js'
import type { DialAddress } from '../transport/link-socket.js'

export interface ThreadData {
  /** When the program's thread last showed that it runs, in nanoseconds of `process.hrtime`: a BigInt64Array of one. */
  readonly tick: SharedArrayBuffer
  readonly port: import('node:worker_threads').MessagePort
}

/** To the thread. `id` is of the socket. */
export type Order =
  /** `tls`: null for plain text. */
  | { readonly op: 'connect'; readonly id: number; readonly address: DialAddress; readonly tls: TlsMaterial | null }
  | { readonly op: 'write'; readonly id: number; readonly text: string }
  | { readonly op: 'end' | 'reset' | 'destroy' | 'rest'; readonly id: number }
  /** From now on keepalives are sent on it. */
  | {
      readonly op: 'beat'
      readonly id: number
      readonly answerMs: number
      readonly intervalMs: number | undefined
      readonly leaseMs: number
    }
  /** Goes into the next keepalive. */
  | { readonly op: 'ack'; readonly id: number; readonly ack: number }
  /** Ends the thread, once its sockets are closed. */
  | { readonly op: 'finish' }

/** From the thread. */
export type Report =
  | {
      readonly event: 'connect'
      readonly id: number
      readonly localAddress: string | undefined
      readonly localPort: number | undefined
      readonly remoteAddress: string | undefined
      readonly isSecure: boolean
    }
  | { readonly event: 'data'; readonly id: number; readonly chunk: Uint8Array }
  | {
      readonly event: 'error'
      readonly id: number
      readonly message: string
      readonly code: string | undefined
      /** Of its class. */
      readonly name: string
    }
  | { readonly event: 'end' | 'close'; readonly id: number }
  | BeatReport

export type BeatReport =
  /** The keepalive of `sentAt` was answered, and that was read at `at`. Comes behind all that was read before. */
  | { readonly event: 'confirmed'; readonly id: number; readonly sentAt: Instant; readonly at: Instant }
  | { readonly event: 'overdue'; readonly id: number }
