/**
 * What comes before the first line of a connection: for whom a relay speaks, and the TLS handshake. Whoever is in the middle of
 * that is a stranger, so there are few places, little time, and a share of the processor that is bounded.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { isLoopbackHost } from '../address.js'
import type { Clock, Timer } from '../platform.js'
import { HANDSHAKE_MAX_MS, HANDSHAKE_PAUSE_MS, HANDSHAKES_AT_ONCE_COUNT } from './limits.js'
import { type ProxyHeader, readProxyHeader } from './proxy/proxy-header.js'
import type { Relays } from './proxy/relays.js'
import type { Relayed } from './streams.js'
import { looksLikeTls } from './tls/first-bytes.js'
import type { TlsServer } from './tls/tls-server.js'

/** Ready to be read and written. */
export interface OpenedSocket {
  /** The same as `tcp` without TLS. */
  readonly socket: Socket | TLSSocket
  readonly tcp: Socket
  readonly relayed?: Relayed
}

export interface HandshakeTerms {
  readonly clock: Clock
  /** Connections before their first line; one more costs the oldest of the address that has the most. */
  readonly maxCount: number
  /** Whose word about their clients is believed, and asked for; null: nobody's. */
  readonly relays: Relays | null
  /** Null: all is plain. */
  readonly tls: TlsServer | null
  /** Who says nothing at a port for both is given this long … */
  readonly firstByteMaxMs: number
  /** … and is then taken for one who speaks plainly and waits for a word, or sent away. */
  readonly silentArePlain: boolean
  /** Why a connection came to nothing. Strangers decide how often. */
  failed(remote: string, reason: string): void
}

export class Handshakes {
  /** From the oldest. */
  readonly #underWay = new Set<Handshake>()
  /** Their first bytes of TLS have come. */
  readonly #toBegin: Handshake[] = []
  #nextRound: Timer | null = null
  #begunCount = 0
  #isClosed = false

  constructor(
    private readonly terms: HandshakeTerms,
    private readonly opened: (opened: OpenedSocket) => void,
  ) {}

  get count(): number {
    return this.#underWay.size
  }

  accept(tcp: Socket): void {
    if (this.#isClosed) {
      tcp.destroy()
      return
    }
    const handshake = new Handshake(tcp, this.terms, {
      begin: () => this.#begin(handshake),
      done: (opened) => {
        this.#forget(handshake)
        if (opened !== null) this.opened(opened)
      },
    })
    this.#underWay.add(handshake)
    handshake.start()
    if (this.#underWay.size > this.terms.maxCount) this.#makeRoom()
  }

  /** Ends those under way; what was opened stays. */
  close(): void {
    this.#isClosed = true
    this.#nextRound?.cancel()
    for (const handshake of this.#underWay) handshake.giveUp('this node stops')
  }

  #forget(handshake: Handshake): void {
    this.#underWay.delete(handshake)
    const place = this.#toBegin.indexOf(handshake)
    if (place >= 0) this.#toBegin.splice(place, 1)
  }

  /** Of those who come from one place, where there are the most, the oldest goes: one stranger's machine keeps out no others. */
  #makeRoom(): void {
    const counts = new Map<string, number>()
    for (const { origin } of this.#underWay) counts.set(origin, (counts.get(origin) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const handshake of this.#underWay) {
      if (counts.get(handshake.origin) !== most) continue
      handshake.giveUp('too many connections before their first line')
      return
    }
  }

  #begin(handshake: Handshake): void {
    this.#toBegin.push(handshake)
    this.#beginSome()
  }

  /** The first ones at once; those beyond the share of this round when it is over. */
  #beginSome(): void {
    while (this.#begunCount < HANDSHAKES_AT_ONCE_COUNT) {
      const next = this.#toBegin.shift()
      if (next === undefined) break
      this.#begunCount += 1
      next.beginTls()
    }
    if (this.#begunCount === 0 || this.#nextRound !== null) return
    this.#nextRound = this.terms.clock.after(HANDSHAKE_PAUSE_MS, () => {
      this.#nextRound = null
      this.#begunCount = 0
      this.#beginSome()
    })
  }
}

interface HandshakeOwner {
  /** Its TLS handshake may begin when there is time for it. */
  begin(): void
  /** Null: it came to nothing. */
  done(opened: OpenedSocket | null): void
}

/** One connection: waiting for a header → for the first byte → for its turn → TLS → done. */
class Handshake {
  readonly address: string
  readonly #remote: string
  #bytes: Buffer = Buffer.alloc(0)
  #header: ProxyHeader | null = null
  #timer: Timer | null = null
  /** Its first byte has come, and was one of TLS. */
  #isTls = false
  #isDone = false

  constructor(
    private readonly tcp: Socket,
    private readonly terms: HandshakeTerms,
    private readonly owner: HandshakeOwner,
  ) {
    this.address = tcp.remoteAddress ?? ''
    this.#remote = `${this.address} port ${tcp.remotePort ?? 0}`
    // Without a listener an error of the connection would end the process, and it outlives this handshake.
    tcp.on('error', () => undefined)
  }

  /** The address of its machine; behind a relay that of the client, once the relay has said so. */
  get origin(): string {
    return this.#header?.client?.host ?? this.address
  }

  start(): void {
    this.tcp.on('close', this.#onEnd)
    this.tcp.on('end', this.#onEnd)
    if (this.#isFromRelay) this.#waitFor(HANDSHAKE_MAX_MS)
    else this.#awaitFirstByte()
  }

  giveUp(reason: string): void {
    if (this.#isDone) return
    this.terms.failed(this.#remote, reason)
    this.#finish(null)
    this.tcp.destroy()
  }

  // ------------------------------------------------------------------------------------------------- plain bytes

  get #isFromRelay(): boolean {
    return this.terms.relays?.has(this.address) === true
  }

  #awaitFirstByte(): void {
    const { tls, firstByteMaxMs, silentArePlain } = this.terms
    if (tls === null) this.#openPlain()
    else if (tls.isRequired) this.#waitFor(HANDSHAKE_MAX_MS)
    else if (silentArePlain) this.#waitFor(firstByteMaxMs, () => this.#openPlain())
    else this.#waitFor(firstByteMaxMs)
  }

  #waitFor(maxMs: number, otherwise = (): void => this.giveUp('nothing came in time')): void {
    this.#timer?.cancel()
    this.#timer = this.terms.clock.after(maxMs, otherwise)
    this.tcp.on('readable', this.#onReadable)
  }

  readonly #onReadable = (): void => {
    const chunk: Buffer | null = this.tcp.read()
    if (chunk === null) return
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.#isFromRelay && this.#header === null && !this.#takeHeader()) return
    if (this.#bytes.length > 0) this.#takeFirstBytes()
  }

  /** False: it is not complete, or none at all. */
  #takeHeader(): boolean {
    const read = readProxyHeader(this.#bytes)
    if (read === 'malformed') this.giveUp('a relay (--proxy-from) that sends no PROXY header')
    if (typeof read === 'string') return false
    this.#header = read
    this.#bytes = this.#bytes.subarray(read.bytes)
    this.tcp.off('readable', this.#onReadable)
    this.#awaitFirstByte()
    return !this.#isDone
  }

  #takeFirstBytes(): void {
    const { tls } = this.terms
    if (tls === null) return
    const isTls = looksLikeTls(this.#bytes, tls.firstBytes)
    if (isTls === 'incomplete') return
    if (isTls) this.#awaitTurn()
    else if (tls.isRequired) this.giveUp('not TLS')
    else this.#openPlain()
  }

  #openPlain(): void {
    this.#handBack()
    this.#finish(this.tcp)
  }

  /** Whoever reads next reads from the beginning. */
  #handBack(): void {
    this.tcp.off('readable', this.#onReadable)
    if (this.#bytes.length > 0) this.tcp.unshift(this.#bytes)
    this.#bytes = Buffer.alloc(0)
  }

  // --------------------------------------------------------------------------------------------------------- TLS

  #awaitTurn(): void {
    this.#isTls = true
    this.#handBack()
    this.#timer?.cancel()
    this.#timer = this.terms.clock.after(HANDSHAKE_MAX_MS, () => this.giveUp('the TLS handshake takes too long'))
    this.owner.begin()
  }

  beginTls(): void {
    this.terms.tls?.secure(this.tcp, (socket, reason) => {
      if (this.#isDone) socket?.destroy()
      else if (socket === null) this.giveUp(reason)
      else this.#finish(socket)
    })
  }

  // --------------------------------------------------------------------------------------------------------- end

  /** Who connects and goes, as health checks do, is not worth a word. */
  readonly #onEnd = (): void => {
    if (this.#isDone) return
    // The usual end of it where the other end does not believe this one's certificate, and does not say so.
    if (this.#isTls) this.terms.failed(this.#remote, 'the other end went away in the TLS handshake')
    else if (this.#bytes.length > 0 || this.#header !== null) this.terms.failed(this.#remote, 'closed by the other end')
    this.#finish(null)
    this.tcp.destroy()
  }

  #finish(socket: Socket | TLSSocket | null): void {
    this.#isDone = true
    this.#timer?.cancel()
    this.tcp.off('close', this.#onEnd)
    this.tcp.off('end', this.#onEnd)
    this.tcp.off('readable', this.#onReadable)
    this.owner.done(socket === null ? null : { socket, tcp: this.tcp, ...this.#relayed() })
  }

  #relayed(): { relayed?: Relayed } {
    if (this.#header === null) return {}
    const { client } = this.#header
    const isOfThisMachine = client !== null && isLoopbackHost(client.host) && isLoopbackHost(this.address)
    return { relayed: { client, isOfThisMachine } }
  }
}
