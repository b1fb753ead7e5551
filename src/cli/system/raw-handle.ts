/**
 * A connection that two processes hold. tnl-do speaks on it; its guardian has a copy, without which the command must not run:
 * as long as one copy is open the kernel sends no FIN, so the death of tnl-do alone cannot free the lock (rules.md rule 6).
 *
 * Node passes a `net.Socket` to another process only by reading from it there. The guardian must hold its copy without
 * touching the stream, so the handle below the socket is passed (`_handle`, which Node does not document). Everything that
 * relies on it stands in this file, and nothing else of the programs looks below a socket (a test says so).
 *
 * A copy shares the stream, not what either process has read or is about to write. So one process speaks at a time: tnl-do
 * while it lives, and after it the guardian, which says no more than a last word.
 *
 * Under TLS the handle is that of the TCP connection below: Node can hand over no TLS socket, and a copy without its keys can
 * say nothing that the node would understand. A copy still holds back the FIN; `bye` takes a connection of the guardian's own, as
 * it does when the first one has broken.
 */
import type { SendHandle } from 'node:child_process'
import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

/** A connection as another process of this machine passed it; its stream is not touched. */
export interface RawHandle {
  close(): void
}

/** What `child.send` takes as its second argument. Null when the socket is closed already. */
export function rawHandleOf(socket: object): SendHandle | null {
  const handle: unknown = '_handle' in socket ? socket._handle : null
  return isRawHandle(handle) ? (handle as unknown as SendHandle) : null
}

/** The descriptor of a listening socket, for other processes to inherit. Null when it is closed already. */
export function descriptorOf(server: Server): number | null {
  const handle: unknown = '_handle' in server ? server._handle : null
  const isOpen = typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number'
  return isOpen && Number(handle.fd) >= 0 ? Number(handle.fd) : null
}

/** Whether what came with a message is a connection: it may have been closed on its way. */
export function isRawHandle(value: unknown): value is RawHandle {
  return typeof value === 'object' && value !== null && 'close' in value && typeof value.close === 'function'
}

/**
 * Writes `lastWords` and ends the connection with a FIN, whoever else has a copy of it. Then it reads to the end, for
 * `timeoutMs` at most: a connection that is closed with unread data is reset, which says less (rules.md rule 5). Resolves true
 * if the node has closed its side in good order, and so has read the last words.
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
