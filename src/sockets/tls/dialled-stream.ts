import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { ByteStream, CertificateSubject } from '../streams.js'
import { type Credentials, contextOf } from './credentials.js'
import { subjectOf } from './subject.js'

/**
 * The stream of a connection that this node dials over TLS. It is there before there is a TLS socket, and emits 'connect' only
 * when the other end's certificate was verified: what were written before could leave for whoever answers.
 */
export class DialledStream extends EventEmitter implements ByteStream {
  #tls: TLSSocket | null = null
  #isSecure = false
  #wantsData = true

  constructor(
    private readonly tcp: Socket,
    private readonly credentials: () => Credentials,
  ) {
    super()
    tcp.on('error', (error) => this.#failed(error))
    tcp.once('connect', () => this.#begin())
    tcp.once('close', () => this.#tcpClosed())
  }

  /** Null before 'connect'. */
  get certificate(): CertificateSubject | null {
    return this.#tls === null || !this.#isSecure ? null : subjectOf(this.#tls.getPeerCertificate())
  }

  get isSecure(): boolean {
    return this.#isSecure
  }

  get bytesRead(): number {
    return this.#tls?.bytesRead ?? 0
  }
  get bytesWritten(): number {
    return this.#tls?.bytesWritten ?? 0
  }
  get writableLength(): number {
    return this.#tls?.writableLength ?? 0
  }
  get writableHighWaterMark(): number {
    return this.tcp.writableHighWaterMark
  }
  get writable(): boolean {
    return this.#isSecure && this.#tls?.writable === true
  }
  get closed(): boolean {
    return this.#tls === null ? this.tcp.closed : this.#tls.closed
  }

  write(bytes: Uint8Array | string, done?: (error?: Error | null) => void): boolean {
    return this.#stream.write(bytes, done)
  }
  cork(): void {
    this.#stream.cork()
  }
  uncork(): void {
    this.#stream.uncork()
  }
  pause(): void {
    this.#wantsData = false
    this.#tls?.pause()
  }
  resume(): void {
    this.#wantsData = true
    this.#tls?.resume()
  }
  end(text?: string): void {
    if (text === undefined) this.#stream.end()
    else this.#stream.end(text)
  }
  destroy(): void {
    this.#stream.destroy()
  }

  get #stream(): Socket {
    return this.#tls ?? this.tcp
  }

  #begin(): void {
    const { ca, ...own } = contextOf(this.credentials())
    const tls = connect({
      ...own,
      ...(ca === undefined ? {} : { ca }),
      socket: this.tcp,
      // Whom it names is compared with what it says of itself, and not with where it was found.
      checkServerIdentity: () => undefined,
    })
    this.#tls = tls
    tls.on('error', (error) => this.#failed(error))
    tls.once('secureConnect', () => this.#secured(tls))
    tls.once('close', () => this.emit('close'))
  }

  #secured(tls: TLSSocket): void {
    this.#isSecure = true
    tls.on('end', () => this.emit('end'))
    tls.on('drain', () => this.emit('drain'))
    this.emit('connect')
    tls.on('data', (chunk: Buffer) => this.emit('data', chunk))
    if (!this.#wantsData) tls.pause()
  }

  #failed(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  /** The TLS socket, if there is one, tells of it itself. */
  #tcpClosed(): void {
    if (this.#tls === null) this.emit('close')
  }
}
