/** A client as bare as `openssl s_client`. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'

const ANSWER_MAX_MS = 20_000

export class LineOverTls {
  readonly #socket: TLSSocket
  #text = ''
  #ended = false
  #changed: () => void = () => undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    const changed = () => this.#changed()
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      this.#text += String(text)
      changed()
    })
    socket.on('error', () => undefined)
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#ended = true
        changed()
      })
    }
  }

  static async open(port: number, ca: string): Promise<LineOverTls> {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: readFileSync(ca) })
    const line = new LineOverTls(socket)
    await once(socket, 'secureConnect')
    return line
  }

  /** A session of whoever has this token. */
  static async session(port: number, ca: string, token: string): Promise<LineOverTls> {
    const line = await LineOverTls.open(port, ca)
    line.send(`hello,version:2,lease:60,redirect:no,auth:${token}\n`)
    const welcome = await line.until((text) => text.includes('\n'))
    if (!welcome.startsWith('welcome')) throw new Error(`no session: "${welcome.trim()}"`)
    return line
  }

  /** Of the certificate that the node has shown. */
  get fingerprint(): string {
    return this.#socket.getPeerCertificate().fingerprint256
  }

  send(lines: string): void {
    this.#socket.write(lines)
  }

  /** All that was said until `isEnough`, or the end. */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    const deadlineMs = performance.now() + ANSWER_MAX_MS
    while (!this.#ended && !isEnough(this.#text)) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) throw new Error(`no answer but "${this.#text}"`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#text
  }

  /** Of a session: sends the request with this number, and resolves with all that was said when it is answered. */
  ask(id: number, line: string): Promise<string> {
    this.send(`${line}\n`)
    return this.until((text) => new RegExp(`^\\.?\\w[\\w-]*,id:${id}[,\\n]`, 'm').test(text))
  }

  get ended(): boolean {
    return this.#ended
  }

  close(): void {
    this.#socket.destroy()
  }
}
