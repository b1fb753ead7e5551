import type { Server } from 'node:net'
import { getSystemErrorMap } from 'node:util'
import { formatHostPort, type HostPort } from '../../address.js'
import { UsageError } from '../exit-codes.js'
import { ACCEPT_BACKLOG } from '../limits.js'

/** Binds `server`; port 0 takes a free one. Returns the port. Rejects with the system's error. */
export function listenOn(server: Server, { host, port }: HostPort): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: ACCEPT_BACKLOG }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/** What an operator reads when `flag` could not be bound: `--http 127.0.0.1:80: [Errno 13] permission denied`. */
export function bindError(flag: string, address: HostPort, error: unknown): UsageError {
  return new UsageError(`${flag} ${formatHostPort(address)}: ${describeSystemError(error)}`)
}

/** The original prints Python's `[Errno 98]`; scripts look for it. */
export function describeSystemError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : null
  if (errno === null) return error.message
  const words = getSystemErrorMap().get(errno)?.[1]
  return words === undefined ? error.message : `[Errno ${-errno}] ${words}`
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
