/** TCP as the system has it. */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import type { Channel, StreamNetwork } from './streams.js'

export interface TcpTerms {
  /** Silence after which the kernel asks whether the other end is still there. */
  readonly keepAliveIdleMs: number
  /** A FIN of the other end leaves this end open: it still has answers to write. */
  readonly allowHalfOpen: boolean
  /** Connections that wait to be accepted; the system's default if it is left out. */
  readonly backlogCount?: number
}

/** Small frames and lines must not wait for acknowledgements of earlier ones: all sockets are without delay. */
export function tcpNetwork({ keepAliveIdleMs, allowHalfOpen, backlogCount }: TcpTerms): StreamNetwork {
  const terms = { allowHalfOpen, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveIdleMs }
  return {
    dial: ({ host, port }) => channelOf(tcpConnect({ ...terms, host, port })),

    listen({ host, port }, onChannel, onError) {
      const server = createServer(terms, (socket) => onChannel(channelOf(socket)))
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
    },
  }
}

const channelOf = (socket: Socket): Channel => ({ stream: socket, tcp: socket })
