/** What a connection needs of a socket: one of this thread's, or one that another thread has. */
import { connect } from 'node:net'
import type { HostPort } from '../../address.js'
import { countedLookup } from './lookup.js'

export interface LinkSocket {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly readableEnded: boolean
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect' | 'end' | 'close', listener: () => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'connect', listener: () => void): unknown
  once(event: 'end', listener: () => void): unknown
  write(text: string): unknown
  end(): unknown
  resume(): unknown
  destroy(): unknown
  resetAndDestroy(): unknown
  setTimeout(ms: number, due: () => void): unknown
}

export type ConnectSocket = (address: HostPort) => LinkSocket

/** Half-open, because Node would otherwise answer a FIN with a FIN: a client that may still hold never sends one. */
export const connectSocket: ConnectSocket = (address) =>
  connect({ ...address, noDelay: true, allowHalfOpen: true, lookup: countedLookup })
