import { connect, createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '../../../src/address.js'
import { listenOn } from '../../../src/server/sockets/listen.js'
import { Pipe } from './pipe.js'
import type { Wire } from './wire.js'

/** The two directions that a connection runs over, from the side that dials. */
export interface Route {
  readonly there: Wire
  readonly back: Wire
  /** What stands between is a relay of connections, and not only a wire: it passes on a reset as an ordinary end. */
  readonly relayed: boolean
}

/**
 * Decides by its first bytes, at first by none, which route a connection takes: undefined while it needs more, null if it has none.
 * `isSilent`: the dialler has said nothing for a while, and may be waiting for the first word itself.
 */
export type Router = (firstBytes: Buffer, isSilent: boolean) => Route | null | undefined

/** Peers say hello at once; who does not wants to hear one. Well below the second for which such a one waits. */
const SILENT_MS = 200

/** A user-space proxy before one address. */
export class LinkProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(
    private readonly target: HostPort,
    private readonly newRouter: (from: string) => Router,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** `newRouter` gets the address that the dialler comes from. */
  static async open(
    host: string,
    target: HostPort,
    newRouter: (from: string) => Router,
  ): Promise<{ readonly proxy: LinkProxy; readonly address: HostPort }> {
    const proxy = new LinkProxy(target, newRouter)
    const port = await listenOn(proxy.#server, { host, port: 0 })
    return { proxy, address: { host, port } }
  }

  /** As when a middlebox forgets its connections. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(dialler: Socket): void {
    this.#adopt(dialler)
    const router = this.newRouter(dialler.remoteAddress ?? '')
    let firstBytes: Buffer = Buffer.alloc(0)
    let connecting = false
    const connectIfRouted = (isSilent = false): void => {
      const route = router(firstBytes, isSilent)
      if (route === undefined || connecting) return
      clearTimeout(silence)
      connecting = true
      if (route === null) dialler.resetAndDestroy()
      else whenOpen(route, dialler, () => this.#connect(dialler, route, takeFirstBytes()))
    }
    const silence = setTimeout(() => {
      if (firstBytes.length === 0 && !dialler.destroyed) connectIfRouted(true)
    }, SILENT_MS)
    dialler.once('close', () => clearTimeout(silence))
    const collect = (bytes: Buffer): void => {
      firstBytes = Buffer.concat([firstBytes, bytes])
      connectIfRouted()
    }
    const giveUp = (): void => void dialler.resetAndDestroy()
    const takeFirstBytes = (): Buffer => {
      dialler.pause()
      dialler.off('data', collect)
      dialler.off('end', giveUp)
      return firstBytes
    }
    dialler.on('data', collect)
    dialler.on('end', giveUp)
    connectIfRouted()
  }

  #connect(dialler: Socket, route: Route, firstBytes: Buffer): void {
    const target = connect({ ...this.target, ...ownAddressFor(this.target), allowHalfOpen: true, noDelay: true })
    this.#adopt(target)
    // The one that dialled hears that nobody listens, as it would without this proxy.
    const refused = (): void => void dialler.resetAndDestroy()
    target.once('error', refused)
    target.once('connect', () => {
      target.off('error', refused)
      new Pipe(dialler, target, route.there, route.relayed).prepend(firstBytes)
      new Pipe(target, dialler, route.back, route.relayed)
      dialler.resume()
    })
  }

  #adopt(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** A connect needs both directions. Calls `connect` as soon as they are open, unless the dialler is gone before. */
function whenOpen({ there, back }: Route, dialler: Socket, connect: () => void): void {
  const attempt = (): void => {
    if (there.isCut || back.isCut) return
    forget()
    connect()
  }
  const watches = [there.watch(attempt), back.watch(attempt)]
  const forget = (): void => {
    for (const unwatch of watches) unwatch()
  }
  dialler.once('close', forget)
  attempt()
}

/**
 * Not the clients' address: a connection that has by chance the port of its client's as well would be taken for the client
 * itself (rules.md rule 5, the case that is left). Of 24,000 connections over one address four had it.
 */
function ownAddressFor({ host }: { readonly host: string }): { readonly localAddress?: string } {
  return process.platform === 'linux' && host === '127.0.0.1' ? { localAddress: '127.0.0.2' } : {}
}
