import type { Clock, Random, Timer } from '../../platform.js'
import type { ByteStream, CertificateSubject, Channel, TcpEnd } from '../../sockets/streams.js'
import {
  CLOSE_GRACE_MS,
  CONNECT_TIMEOUT_MS,
  HANDSHAKE_BYTES,
  HANDSHAKE_TIMEOUT_MS,
  LIVENESS_CHECK_MS,
  SILENT_CHECKS_BEFORE_DROP,
  SILENT_CHECKS_BEFORE_PROBE,
  TLS_TIMEOUT_MS,
} from '../limits.js'
import { Lane, type PeerHello, PeerProtocolError, type Refusal } from '../ports/transport.js'
import { type Frame, FrameError, FrameParser } from './frame.js'
import { decodeRefusal, encodeRefusal, isRefusal, LinkKind } from './handshake.js'
import { Introduction } from './introduction.js'
import { type LaneBounds, Outbox } from './outbox.js'
import { certificateRefusal, type PeerCertificates } from './peer-certificate.js'
import type { PeerSecrets } from './peer-secret.js'

/** Why a connection ended: `ended` the peer closed it, `failed` the system reported an error, `local` this node wanted it. */
export type EndCause = 'ended' | 'failed' | 'timeout' | 'protocol' | 'refused' | 'surplus' | 'local'

export interface ConnectionEnd {
  readonly cause: EndCause
  readonly detail: string
  /** The system's error code, if `cause` is `failed`. */
  readonly errorCode?: string | undefined
  /** If `cause` is `refused`: which side said so, and why. */
  readonly refusal?: Refusal
}

/** `surplus`: nothing is wrong with the peer, but the pair keeps another connection. */
export type ConnectionVerdict = 'accept' | 'surplus' | { readonly refuse: Refusal }

export interface ConnectionOwner {
  judge(connection: PeerConnection, hello: PeerHello): ConnectionVerdict
  /** Both sides have accepted each other: frames may flow. */
  established(connection: PeerConnection): void
  /** Turned away because of the beginning of its hello: the rest cannot be understood. */
  refusedUnheard(connection: PeerConnection, refusal: Refusal): void
  refusedByPeer(connection: PeerConnection, refusal: Refusal): void
  frame(connection: PeerConnection, kind: number, payload: Uint8Array): void
  /** Once, whoever ended it; possibly from within `close`. `wasUp`: it had been established. */
  closed(connection: PeerConnection, end: ConnectionEnd, wasUp: boolean): void
}

/** The link that a connection belongs to (`PeerLink`), as its owner uses it. */
export interface ConnectionLink {
  readonly nodeId: string
  /** The connection for frames, if there is one. */
  readonly connection: PeerConnection | null
  /** Neither told to keep a connection nor having one. */
  readonly isIdle: boolean
  /** Whether a connection whose peer is welcome may be used. */
  admit(connection: PeerConnection): boolean
  established(connection: PeerConnection, peer: PeerHello): void
  closed(connection: PeerConnection, end: ConnectionEnd, wasUp: boolean): void
}

export interface ConnectionOptions {
  readonly channel: Channel
  /** The link that dialled, or null for a connection that a peer dialled. */
  readonly dialledBy: ConnectionLink | null
  /** What this node says of itself, asked when the connection opens. */
  readonly hello: () => PeerHello
  readonly owner: ConnectionOwner
  readonly clock: Clock
  readonly random: Random
  /** Null: none is proved and none is asked for. */
  readonly secrets: PeerSecrets | null
  /** Null: the network is without TLS. */
  readonly certificates: PeerCertificates | null
  readonly lanes?: LaneBounds | undefined
}

const SURPLUS = 'the pair keeps another connection'
/** What it would have said is refused over TLS already: no certificate, one that has expired, or no TLS at all. */
const UNHEARD = 'the peer closed it without a word: its log says why'

/** connecting → hello (waits for the peer's) → proof (the same, if both have a secret) → verdict (the same) → up → closed */
type State = 'connecting' | 'hello' | 'proof' | 'verdict' | 'up' | 'closed'

/** One TCP connection to a peer: handshake, frames in both directions, liveness, and an end that is reported once. */
export class PeerConnection {
  readonly dialled: boolean
  /** The link it belongs to; unknown until the peer has said who it is. */
  link: ConnectionLink | null
  /** The peer's hello; null until it has come and the peer has proved that it knows the secret. */
  peer: PeerHello | null = null
  #said: PeerHello | null = null
  #isProved = false
  readonly #introduction: Introduction
  readonly #hasSecret: boolean
  readonly #channel: Channel
  readonly #certificates: PeerCertificates | null
  readonly #stream: ByteStream
  readonly #tcp: TcpEnd
  readonly #owner: ConnectionOwner
  readonly #clock: Clock
  readonly #hello: () => PeerHello
  readonly #parser = new FrameParser(HANDSHAKE_BYTES)
  readonly #outbox: Outbox
  // Read while it is open: a destroyed socket no longer knows its remote end.
  #remoteAddress = '?'
  #remotePort = 0
  #state: State = 'connecting'
  /** Both sides may refuse each other: a side that turned the peer away still hears why it is not welcome itself. */
  #turnedAway = false
  #timer: Timer | null = null
  #silentChecks = 0
  #bytesReadBefore = 0
  #bytesWrittenBefore = 0

  constructor({ channel, dialledBy, hello, owner, clock, random, secrets, certificates, lanes }: ConnectionOptions) {
    const { stream, tcp } = channel
    this.dialled = dialledBy !== null
    this.link = dialledBy
    this.#stream = stream
    this.#tcp = tcp
    this.#owner = owner
    this.#clock = clock
    this.#hello = hello
    this.#hasSecret = secrets !== null
    this.#channel = channel
    this.#certificates = certificates
    this.#introduction = new Introduction(this.dialled, secrets, random)
    this.#outbox = new Outbox(stream, lanes)
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('end', () =>
      this.close({ cause: 'ended', detail: this.#state === 'hello' ? UNHEARD : 'the peer closed it' }),
    )
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#finish({ cause: 'failed', detail: error.message || (error.code ?? error.name), errorCode: error.code })
    })
    stream.on('close', () => this.#finish({ cause: 'ended', detail: 'closed' }))
    if (!this.dialled) {
      this.#open()
      return
    }
    stream.once('connect', () => this.#open())
    this.#timer = clock.after(CONNECT_TIMEOUT_MS, () => this.#connectIsLate())
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** True from the connect on, also while the two sides still judge each other. */
  get isOpen(): boolean {
    return this.#state !== 'connecting' && this.#state !== 'closed'
  }

  /**
   * Its final refusals may be believed: it has proved that it knows the secret, and its certificate was verified, as far as this
   * node has a secret and certificates.
   */
  get isTrusted(): boolean {
    return (this.#isProved || !this.#hasSecret) && (this.#subject !== null || this.#certificates === null)
  }

  get #subject(): CertificateSubject | null {
    return this.#channel.certificate ?? null
  }

  get remote(): string {
    return `${this.#remoteAddress} port ${this.#remotePort}`
  }

  get remoteAddress(): string {
    return this.#remoteAddress
  }

  get bulkBacklogBytes(): number {
    return this.#outbox.bulkBacklogBytes
  }

  send(lane: Lane, kind: number, parts: readonly Uint8Array[]): boolean {
    return this.#state === 'up' && this.#outbox.push(lane, kind, parts)
  }

  /** Asks for a sign of life. If the peer no longer knows this connection, its system answers with a reset. */
  probe(): void {
    this.#say(LinkKind.probe)
  }

  close(end: ConnectionEnd): void {
    this.#finish(end)
    this.#stream.destroy()
  }

  /** Lets what is queued on the control lane arrive, then ends. Resolves when the socket is gone. */
  stop(): Promise<void> {
    if (this.#stream.closed) return Promise.resolve()
    const gone = new Promise<void>((resolve) => this.#stream.once('close', () => resolve()))
    const end: ConnectionEnd = { cause: 'local', detail: 'this node stops' }
    if (this.isOpen) this.#endSoftly(end)
    else this.close(end)
    return gone
  }

  // ------------------------------------------------------------------------------------------ opening

  #connectIsLate(): void {
    const late = (detail: string): void => this.close({ cause: 'timeout', detail })
    // It may stand, below TLS that does not yet.
    if (this.#tcp.connecting === false) this.#startTimer(TLS_TIMEOUT_MS, () => late('no answer to the TLS handshake'))
    else late('no answer to the connect')
  }

  #open(): void {
    if (this.#state === 'closed') return
    this.#state = 'hello'
    this.#remoteAddress = this.#tcp.remoteAddress ?? '?'
    this.#remotePort = this.#tcp.remotePort ?? 0
    this.#startTimer(HANDSHAKE_TIMEOUT_MS, () => this.close({ cause: 'timeout', detail: 'no answer to the handshake' }))
    this.#say(LinkKind.hello, this.#introduction.ownHello(this.#hello()))
  }

  #heardHello(payload: Uint8Array): void {
    if (this.#state !== 'hello') throw new FrameError('a second hello')
    const said = this.#introduction.hear(payload)
    if (isRefusal(said)) {
      this.#refuseUnheard(said)
      return
    }
    const refusal =
      this.#certificates === null ? null : certificateRefusal(this.#certificates, this.#subject, said.hello.nodeId)
    if (refusal !== null) {
      this.#refuseUnheard(refusal)
      return
    }
    this.#said = said.hello
    if (!this.#introduction.isProofDue) {
      this.#judge(said.hello)
      return
    }
    this.#state = 'proof'
    if (!this.dialled) this.#say(LinkKind.proof, this.#introduction.ownProof())
  }

  #heardProof(payload: Uint8Array): void {
    if (this.#state !== 'proof' || this.#said === null) throw new FrameError('a proof out of turn')
    const refusal = this.#introduction.check(payload)
    if (refusal !== null) {
      this.#refuseUnheard(refusal)
      return
    }
    this.#isProved = true
    if (this.dialled) this.#say(LinkKind.proof, this.#introduction.ownProof())
    this.#judge(this.#said)
  }

  #judge(hello: PeerHello): void {
    this.peer = hello
    const verdict = this.#owner.judge(this, hello)
    if (verdict === 'accept') {
      this.#state = 'verdict'
      this.#say(LinkKind.accept)
    } else if (verdict === 'surplus') {
      this.#say(LinkKind.surplus)
      this.#turnAway({ cause: 'surplus', detail: SURPLUS })
    } else {
      this.#refuse(verdict.refuse)
    }
  }

  #refuseUnheard(refusal: Refusal): void {
    this.#owner.refusedUnheard(this, refusal)
    this.#refuse(refusal)
  }

  #refuse(refusal: Refusal): void {
    this.#say(LinkKind.refuse, encodeRefusal(refusal))
    this.#turnAway({ cause: 'refused', detail: refusal.message, refusal })
  }

  #turnAway(end: ConnectionEnd): void {
    this.#turnedAway = true
    this.#endSoftly(end)
  }

  #accepted(): void {
    if (this.#state !== 'verdict') throw new FrameError('a verdict out of turn')
    this.#state = 'up'
    this.#parser.trust()
    this.#startTimer(LIVENESS_CHECK_MS, () => this.#checkLiveness())
    this.#owner.established(this)
  }

  // ------------------------------------------------------------------------------------------- frames

  #read(chunk: Buffer): void {
    if (this.#state === 'closed' && !this.#turnedAway) return
    try {
      this.#parser.push(chunk)
      for (let frame = this.#parser.next(); frame !== null; frame = this.#parser.next()) {
        this.#dispatch(frame)
        if (!this.isOpen && !this.#turnedAway) return
      }
    } catch (error) {
      if (!(error instanceof PeerProtocolError)) throw error
      this.close({ cause: 'protocol', detail: error.message })
    }
  }

  #dispatch({ kind, payload }: Frame): void {
    if (this.#turnedAway && kind !== LinkKind.refuse) return
    switch (kind) {
      case LinkKind.hello:
        this.#heardHello(payload)
        break
      case LinkKind.proof:
        this.#heardProof(payload)
        break
      case LinkKind.accept:
        this.#accepted()
        break
      case LinkKind.refuse:
        this.#refused(decodeRefusal(payload))
        break
      case LinkKind.surplus:
        this.close({ cause: 'surplus', detail: SURPLUS })
        break
      case LinkKind.probe:
        this.#say(LinkKind.probeAnswer)
        break
      case LinkKind.probeAnswer:
        break
      default:
        if (this.#state !== 'up') throw new FrameError(`a frame of kind ${kind} before the handshake`)
        this.#owner.frame(this, kind, payload)
    }
  }

  #refused(refusal: Refusal): void {
    if (this.#state === 'up') throw new FrameError('a refusal out of turn')
    this.#owner.refusedByPeer(this, refusal)
    this.close({ cause: 'refused', detail: refusal.message, refusal })
  }

  #say(kind: LinkKind, payload?: Uint8Array): void {
    this.#outbox.push(Lane.control, kind, payload === undefined ? [] : [payload])
  }

  // ----------------------------------------------------------------------------------- liveness and end

  /**
   * Counts checks and not time: after a pause of this process the timer runs before the sockets are read, and everything
   * would look silent (rules.md rule 7). A quiet peer may owe us no answer, so it is asked before it is given up.
   */
  #checkLiveness(): void {
    const { bytesRead, bytesWritten, writableLength } = this.#stream
    const sent = bytesWritten !== this.#bytesWrittenBefore || writableLength > 0
    if (bytesRead !== this.#bytesReadBefore) this.#silentChecks = 0
    else if (sent) this.#silentChecks++
    this.#bytesReadBefore = bytesRead
    this.#bytesWrittenBefore = bytesWritten
    if (this.#silentChecks >= SILENT_CHECKS_BEFORE_DROP) {
      this.close({ cause: 'timeout', detail: 'nothing was heard while frames were sent' })
      return
    }
    if (this.#silentChecks >= SILENT_CHECKS_BEFORE_PROBE) this.probe()
    this.#startTimer(LIVENESS_CHECK_MS, () => this.#checkLiveness())
  }

  #startTimer(delayMs: number, run: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(delayMs, run)
  }

  /** Write, half-close, discard what comes, destroy: so that the last word is not lost in a reset. */
  #endSoftly(end: ConnectionEnd): void {
    this.#finish(end)
    this.#outbox.flush()
    this.#stream.end()
    const timer = this.#clock.after(CLOSE_GRACE_MS, () => this.#stream.destroy())
    this.#stream.once('close', () => timer.cancel())
  }

  #finish(end: ConnectionEnd): void {
    if (this.#state === 'closed') return
    const wasUp = this.isUp
    this.#state = 'closed'
    this.#timer?.cancel()
    this.#owner.closed(this, end, wasUp)
  }
}
