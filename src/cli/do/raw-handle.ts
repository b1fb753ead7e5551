/**
 * Copies of a connection in two processes. Node passes a `net.Socket` to another process only by reading from it there;
 * the guardian must hold its copy without touching the stream, so the handle below the socket is passed. Everything that
 * relies on this unwritten part of Node stands in this file.
 */
import type { SendHandle } from 'node:child_process'
import { Socket, type SocketConstructorOpts } from 'node:net'

/** A connection as another process of this machine passed it; its stream is not touched. */
export interface RawHandle {
  close(): void
}

/** What `child.send` takes as its second argument. Null when the socket is closed already. */
export function rawHandleOf(socket: Socket): SendHandle | null {
  const handle: unknown = '_handle' in socket ? socket._handle : null
  return isRawHandle(handle) ? (handle as unknown as SendHandle) : null
}

export function isRawHandle(value: unknown): value is RawHandle {
  return typeof value === 'object' && value !== null && 'close' in value && typeof value.close === 'function'
}

/**
 * Writes `lastWords` and ends the connection with a FIN, whoever else has a copy of it, and reads to the end, at most
 * `timeoutMs`: to close with unread data would send a reset, which says less (rules.md rule 5). Resolves true if the
 * node has closed its side in good order, so has read them.
 */
export function shutDown(handle: RawHandle, lastWords: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let isHeard = false
    const socket = new Socket({ handle, allowHalfOpen: true } as SocketConstructorOpts)
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    socket.on('error', () => socket.destroy())
    socket.on('end', () => {
      isHeard = true
      socket.destroy()
    })
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(isHeard)
    })
    socket.resume()
    socket.end(lastWords)
  })
}
