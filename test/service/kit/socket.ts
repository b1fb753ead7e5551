import type { ClientProtocol, ClientSocket } from '../../../src/service/lock-service.js'
import type { FakeNode } from './node.js'

/** The client's end of a connection, and the node's end as `ClientSocket`. */
export class FakeSocket implements ClientSocket {
  readonly remote = '127.0.0.1:40000'
  readonly loopback: boolean
  readonly ownEnd = { host: '127.0.0.1', port: 40_000 }
  certificateNames: readonly string[] = []
  writableLength = 0
  paused = false
  hasMadeWay = false
  /** Everything that was written, with the time of each write. */
  readonly writes: { readonly atMs: number; readonly text: string }[] = []
  closed: 'end' | 'reset' | null = null
  closedAtMs = 0
  onText: (text: string) => void = () => {}
  onClosed: () => void = () => {}
  handler: ClientProtocol | null = null

  constructor(
    readonly node: FakeNode,
    loopback = true,
  ) {
    this.loopback = loopback
  }

  get text(): string {
    return this.writes.map((write) => write.text).join('')
  }

  write(text: string): void {
    if (this.closed !== null) throw new Error(`written after the connection was closed: ${text}`)
    this.writes.push({ atMs: this.node.world.nowMs, text })
    this.onText(text)
  }
  makeWay(): void {
    this.hasMadeWay = true
  }
  end(): void {
    this.#close('end')
  }
  reset(): void {
    this.#close('reset')
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }

  #close(how: 'end' | 'reset'): void {
    if (this.closed !== null) return
    this.closed = how
    this.closedAtMs = this.node.world.nowMs
    this.onClosed()
  }

  /** The client sends; the node reads it in a turn of its own. */
  send(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    this.#event((handler) => handler.data(bytes))
  }
  fin(): void {
    this.#event((handler) => handler.fin())
  }
  break(): void {
    this.#event((handler) => handler.broken())
  }

  #event(act: (handler: ClientProtocol) => void): void {
    this.node.world.after(0, this.node, () => {
      this.node.service.turn()
      if (this.closed === null && this.handler !== null) act(this.handler)
    })
  }
}
