/** Connections with a handshake before them, behind the same seam as plain TCP. */
import { connect as dialTcp, type Socket } from 'node:net'
import { formatHostPort, type HostPort } from '../../address.js'
import { Handshakes, type HandshakeTerms, type OpenedSocket } from '../handshakes.js'
import { REMEMBERED_PLAIN_MAX_COUNT } from '../limits.js'
import type { Channel, StreamNetwork } from '../streams.js'
import { listenTcp, socketTerms, type TcpTerms } from '../tcp.js'
import type { CredentialSource } from './credentials.js'
import { DialledStream } from './dialled-stream.js'
import { subjectOfSocket } from './subject.js'

export interface TlsDialTerms {
  readonly credentials: CredentialSource
  /** False: where TLS fails, the next try is plain. */
  readonly isRequired: boolean
}

/** `dial` null: plain. */
export function handshakingNetwork(
  terms: TcpTerms,
  handshakes: HandshakeTerms,
  dial: TlsDialTerms | null,
): StreamNetwork {
  const dialler = dial === null ? null : new TlsDialler(terms, dial)
  return {
    dial: (address) => dialler?.dial(address) ?? plainChannel(dialTcp({ ...socketTerms(terms), ...address })),

    async listen(address, onChannel, onError) {
      const strangers = new Handshakes(handshakes, (opened) => onChannel(channelOf(opened)))
      const listener = await listenTcp(terms, address, (tcp) => strangers.accept(tcp), onError)
      return {
        port: listener.port,
        close: () => {
          listener.close()
          strangers.close()
        },
      }
    },
  }
}

export function channelOf({ socket, tcp, relayed }: OpenedSocket): Channel {
  return { stream: socket, tcp, certificate: subjectOfSocket(socket), ...(relayed === undefined ? {} : { relayed }) }
}

const plainChannel = (socket: Socket): Channel => ({ stream: socket, tcp: socket })

class TlsDialler {
  /** Where TLS came to nothing at the last try. */
  readonly #plainNext = new Set<string>()

  constructor(
    private readonly terms: TcpTerms,
    private readonly dialTerms: TlsDialTerms,
  ) {}

  dial(address: HostPort): Channel {
    const key = formatHostPort(address)
    const tcp = dialTcp({ ...socketTerms(this.terms), ...address })
    // Once only: whoever speaks plainly is not dialled again while the connection lasts.
    if (this.#plainNext.delete(key)) return plainChannel(tcp)
    const stream = new DialledStream(tcp, () => this.dialTerms.credentials.current)
    if (!this.dialTerms.isRequired) {
      let isConnected = false
      tcp.once('connect', () => {
        isConnected = true
      })
      stream.once('close', () => {
        if (isConnected && !stream.isSecure) this.#remember(key)
      })
    }
    return {
      stream,
      tcp,
      get certificate() {
        return stream.certificate
      },
    }
  }

  #remember(key: string): void {
    if (this.#plainNext.size >= REMEMBERED_PLAIN_MAX_COUNT) this.#plainNext.clear()
    this.#plainNext.add(key)
  }
}
