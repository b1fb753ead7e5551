/**
 * Which program answers at an address, before a member is added there. A peer port says hello to anyone who connects, so
 * nothing has to be sent to it. Nothing depends on what is read; it only keeps an operator from a mistake.
 */
import { parseHostPort } from '../../address.js'
import type { Clock } from '../../platform.js'
import type { StreamNetwork } from '../../sockets/streams.js'
import { CONNECT_TIMEOUT_MS, HANDSHAKE_BYTES, HANDSHAKE_TIMEOUT_MS } from '../limits.js'
import type { Greeting } from '../ports/transport.js'
import { FrameParser } from './frame.js'
import { decodeHello, isRefusal, LinkKind } from './handshake.js'
import { peerTcp } from './network.js'

const SILENT = 'it does not say hello as a peer port does'

/** Never rejects. `address`: HOST:PORT. */
export function greet(address: string, clock: Clock, network: StreamNetwork = peerTcp): Promise<Greeting> {
  return new Promise((resolve) => {
    const { stream } = network.dial(parseHostPort(address))
    const parser = new FrameParser(HANDSHAKE_BYTES)
    let timer = clock.after(CONNECT_TIMEOUT_MS, () => end({ kind: 'unreachable', detail: 'no answer to the connect' }))
    function end(greeting: Greeting): void {
      timer.cancel()
      stream.destroy()
      resolve(greeting)
    }
    stream.on('connect', () => {
      timer.cancel()
      timer = clock.after(HANDSHAKE_TIMEOUT_MS, () => end({ kind: 'stranger', detail: SILENT }))
    })
    stream.on('data', (chunk: Buffer) => {
      const greeting = readGreeting(parser, chunk)
      if (greeting !== null) end(greeting)
    })
    stream.on('error', (error: Error) => end({ kind: 'unreachable', detail: error.message }))
    // A proxy or load balancer, in front of a node that does not run yet, takes connections and drops them.
    stream.on('close', () => end({ kind: 'unreachable', detail: 'the connection was closed' }))
  })
}

function readGreeting(parser: FrameParser, chunk: Buffer): Greeting | null {
  parser.push(chunk)
  try {
    const frame = parser.next()
    if (frame === null) return null
    if (frame.kind !== LinkKind.hello) return { kind: 'stranger', detail: SILENT }
    const said = decodeHello(frame.payload)
    return isRefusal(said) ? { kind: 'stranger', detail: said.message } : { kind: 'peer', hello: said.hello }
  } catch {
    return { kind: 'stranger', detail: SILENT }
  }
}
