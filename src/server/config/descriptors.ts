/** How many files and sockets this process may have open, and what that leaves for clients. */
import { readFileSync } from 'node:fs'
import { DESCRIPTORS_CLIENTS_LEAST_SHARE, DESCRIPTORS_KEPT_COUNT, SILENT_PLACES_MAX_COUNT } from '../limits.js'

/** RLIMIT_NOFILE as it is in force; null where the system does not say, or sets none. */
export function descriptorLimit(): number | null {
  try {
    return readLimit(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    return null
  }
}

/** `Max open files            1024                 524288               files`: the first number is in force. */
export function readLimit(limits: string): number | null {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1]
  return soft === undefined || soft === 'unlimited' ? null : Number(soft)
}

/** At most so many clients leave enough descriptors for storage, peers, HTTP, and connections that are silent, in a handshake, or turned away. */
export function clientsWithin(limit: number, handshakesCount = 0): number {
  const kept = DESCRIPTORS_KEPT_COUNT + SILENT_PLACES_MAX_COUNT + handshakesCount
  return Math.max(1, limit - kept, Math.floor(limit * DESCRIPTORS_CLIENTS_LEAST_SHARE))
}

/** Clients may not use up the descriptors of the store and the peers: without a file for its log the node would end. */
export function clientsWithinLimit(
  maxConnections: number,
  handshakesCount: number,
  log: { warn(fields: object, message: string): void },
): number {
  const limit = descriptorLimit()
  const most = limit === null ? maxConnections : clientsWithin(limit, handshakesCount)
  if (most >= maxConnections) return maxConnections
  log.warn(
    { limit, clients: most },
    `at most ${most} clients, not --max-connections ${maxConnections}: this process may have ${limit} files open (ulimit -n, LimitNOFILE=)`,
  )
  return most
}
