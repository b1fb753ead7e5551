/** TCP as the system has it. */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import type { HostPort } from '../address.js'
import type { Channel, StreamListener, StreamNetwork } from './streams.js'

export interface TcpTerms {
  /** Silence after which the kernel asks whether the other end is still there. */
  readonly keepAliveIdleMs: number
  /** A FIN of the other end leaves this end open: it still has answers to write. */
  readonly allowHalfOpen: boolean
  /** Connections that wait to be accepted; the system's default if it is left out. */
  readonly backlogCount?: number
}

export function tcpNetwork(terms: TcpTerms): StreamNetwork {
  return {
    dial: ({ host, port }) => channelOf(tcpConnect({ ...socketTerms(terms), host, port })),
    listen: (address, onChannel, onError) =>
      listenTcp(terms, address, (socket) => onChannel(channelOf(socket)), onError),
  }
}

/** Small frames and lines must not wait for acknowledgements of earlier ones: all sockets are without delay. */
export const socketTerms = ({ keepAliveIdleMs, allowHalfOpen }: TcpTerms) => ({
  allowHalfOpen,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveIdleMs,
})

/** Rejects with the error of the system. Later errors go to `onError`; it listens on. */
export function listenTcp(
  terms: TcpTerms,
  { host, port }: HostPort,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void,
): Promise<StreamListener> {
  const { backlogCount } = terms
  const server = createServer(socketTerms(terms), onSocket)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, ...(backlogCount !== undefined && { backlog: backlogCount }) }, () => {
      server.off('error', reject)
      // Without a listener a failed accept would end the process.
      server.on('error', onError)
      const bound = server.address()
      const boundPort = bound !== null && typeof bound === 'object' ? bound.port : port
      resolve({ port: boundPort, close: () => server.close() })
    })
  })
}

const channelOf = (socket: Socket): Channel => ({ stream: socket, tcp: socket })
