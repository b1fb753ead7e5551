/** A stranger's end of one connection: plain or TLS, by itself or behind a relay. */
import { connect as dialTcp, type Socket } from 'node:net'
import { createSecureContext, connect as dialTls, type SecureContext, type TLSSocket } from 'node:tls'
import { version2 } from '../../sockets/proxy-kit.js'
import type { Shown } from './accounts.js'

export interface Way {
  readonly port: number
  /** Null: plain. */
  readonly context: SecureContext | null
  /** It says for whom it speaks, by version 1 or 2. */
  readonly relay: { readonly address: string; readonly isOld: boolean } | null
}

const CONNECT_MAX_MS = 10_000
const OLD_HEADER = 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 7654\r\n'
const NEW_HEADER = version2({ addresses: [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0x1d, 0xe6] })

/** They cost a millisecond each, so they are made once. */
export const contextFor = (ca: string, shown: Shown | null): SecureContext =>
  createSecureContext({ ca, ...(shown ?? {}) })

export class Dialled {
  /** Called with whatever comes. */
  onText: (text: string) => void = () => undefined
  #isClosed = false
  #changed: (() => void)[] = []
  readonly #decoder = new TextDecoder()

  private constructor(
    private readonly stream: Socket | TLSSocket,
    private readonly tcp: Socket,
  ) {
    stream.on('data', (chunk: Buffer) => {
      this.onText(this.#decoder.decode(chunk, { stream: true }))
      this.#tell()
    })
    tcp.on('close', () => {
      this.#isClosed = true
      this.#tell()
    })
    // 'close' follows.
    stream.on('error', () => tcp.destroy())
    tcp.on('error', () => undefined)
  }

  /** Null: it came to nothing, as that of one with the wrong certificate does. */
  static async open({ port, context, relay }: Way): Promise<Dialled | null> {
    const tcp = dialFrom(port, relay?.address ?? null)
    if (relay !== null) tcp.write(relay.isOld ? OLD_HEADER : NEW_HEADER)
    if (context === null) return Dialled.#opened(tcp, tcp, 'connect')
    const tls = dialTls({ socket: tcp, secureContext: context, servername: 'localhost' })
    return Dialled.#opened(tls, tcp, 'secureConnect')
  }

  /** With nothing said before. */
  static async bare(port: number, address: string | null): Promise<Dialled | null> {
    const tcp = dialFrom(port, address)
    return Dialled.#opened(tcp, tcp, 'connect')
  }

  static async #opened(stream: Socket | TLSSocket, tcp: Socket, event: 'connect' | 'secureConnect') {
    const dialled = new Dialled(stream, tcp)
    let isOpen = false
    stream.once(event, () => {
      isOpen = true
      dialled.#tell()
    })
    if (await dialled.until(() => isOpen, CONNECT_MAX_MS)) return dialled
    dialled.reset()
    return null
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  say(bytes: Uint8Array | string): void {
    if (!this.#isClosed && this.stream.writable) this.stream.write(bytes)
  }

  /** Half-closes. */
  end(): void {
    this.stream.end()
  }

  reset(): void {
    this.tcp.resetAndDestroy()
  }

  /** False: it was not so in time, or cannot be any more. */
  until(isSo: () => boolean, maxMs: number): Promise<boolean> {
    if (isSo() || this.#isClosed) return Promise.resolve(isSo())
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(isSo()), maxMs)
      const settle = (outcome: boolean): void => {
        clearTimeout(timer)
        resolve(outcome)
      }
      const look = (): void => {
        if (isSo() || this.#isClosed) settle(isSo())
        else this.#changed.push(look)
      }
      this.#changed.push(look)
    })
  }

  #tell(): void {
    const changed = this.#changed
    this.#changed = []
    for (const look of changed) look()
  }
}

const dialFrom = (port: number, address: string | null): Socket =>
  dialTcp({ port, host: '127.0.0.1', ...(address === null ? {} : { localAddress: address }) })
