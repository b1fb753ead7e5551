import type { Socket } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { formatHostPort, type HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { CLOSED_WITHOUT_A_WORD, explainTls } from '../../client/security/secure-stream.js'
import { PROTOCOL_VERSION } from '../../protocol/limits.js'
import { type Fields, formatLine, type Line, parseLine } from '../../protocol/line.js'
import type { ClusterAccess } from './cluster-access.js'
import { ClusterRefusal, CommandFailure, explain } from './command-failure.js'
import { TnlExit } from './exit-statuses.js'
import { type OpenStream, openStream } from './open-stream.js'

/** Without any word for this long a node counts as out of reach. */
const ANSWER_TIMEOUT_MS = 5_000
/** For the lookup of a name and the connection together; with several endpoints one that hangs must not matter. */
const CONNECT_TIMEOUT_MS = 2_000
/** The leader itself waits for a membership change; it should be the first to say that it gives up. */
const ADMIN_TIMEOUT_MS = 15_000

/** Answers that are one line; others are a list, and `end`. */
const ONE_LINE: ReadonlySet<string> = new Set(['done', 'forced', 'resized', 'frozen', 'thawed', 'forgotten'])

/** A classic refusal has no reason of its own. */
const NEEDS_SEE = 'this needs an account with the verb see'

/** A connection on which one asks and reads lines, for the rare questions of administration. */
export class LineClient {
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  readonly #broken: Promise<never>
  readonly #auth: string | undefined
  /** It is plain, and nothing was heard on it. */
  #mayWantTls: boolean

  private constructor({ stream: socket, isSecure, auth }: OpenStream) {
    this.#socket = socket
    this.#auth = auth
    this.#mayWantTls = !isSecure
    this.#broken = new Promise((_, reject) => socket.on('error', (error) => reject(explainTls(error))))
    // It may break while nobody waits for a line; the next one that does hears of it.
    this.#broken.catch(() => {})
    this.#reader = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** Rejects when the connection is not open in time. `timeoutMs` also bounds every silence afterwards. */
  static async open(address: HostPort, credentials?: Credentials, timeoutMs = ANSWER_TIMEOUT_MS): Promise<LineClient> {
    const opened = await openStream(address, credentials, Math.min(timeoutMs, CONNECT_TIMEOUT_MS))
    const { stream } = opened
    stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)))
    return new LineClient(opened)
  }

  /** Opens a session at this very node. Resolves with what it says; rejects with a ClusterRefusal if it does not know this client. */
  async hello(fields: Fields = {}): Promise<Line> {
    this.#say('hello', { version: PROTOCOL_VERSION, ...fields, redirect: 'no', auth: this.#auth })
    return allowed(await this.nextParsed())
  }

  /** What the node says of itself, as JSON. */
  async stats(): Promise<string> {
    this.#say('.stats', { auth: this.#auth })
    const answer = await this.#nextOrEnd()
    if (answer.startsWith('stats,{')) return answer.slice('stats,'.length)
    if (answer === 'err,unauthorized')
      throw new ClusterRefusal(
        'unauthorized',
        this.#auth === undefined ? NEEDS_SEE : `${NEEDS_SEE}, or this token is not known`,
      )
    throw new Error(`answered ${answer}`)
  }

  #say(action: string, fields: Fields): void {
    this.send(formatLine(action, fields).trimEnd())
  }

  send(line: string): void {
    this.#socket.write(`${line}\n`)
  }

  /** The next line, or null when the node ended the connection. Rejects when the connection broke. */
  async next(): Promise<string | null> {
    const { value, done } = await Promise.race([this.#lines.next(), this.#broken])
    if (done === true) return null
    this.#mayWantTls = false
    return String(value)
  }

  async nextParsed(): Promise<Line> {
    const line = parseLine(await this.#nextOrEnd())
    if (line === null) throw new Error('the node sent a malformed line')
    return line
  }

  async #nextOrEnd(): Promise<string> {
    const text = await this.next()
    if (text !== null) return text
    throw new Error(this.#mayWantTls ? CLOSED_WITHOUT_A_WORD : 'the node closed the connection')
  }

  /** What was sent still leaves. */
  close(): void {
    this.#reader.close()
    this.#socket.destroySoon()
  }
}

/** The node has said that it does not know who asks. */
function allowed(line: Line): Line {
  const code = line.get('code')
  if (line.action === 'err' && code === 'unauthorized') throw new ClusterRefusal(code, line.get('message') ?? '')
  return line
}

/** Asks one question of the session dialect at the first endpoint that serves, and returns the lines of the answer. */
export async function askAdmin(
  { endpoints, credentials }: ClusterAccess,
  action: string,
  request: string,
): Promise<readonly Line[]> {
  const failures: string[] = []
  for (const endpoint of endpoints) {
    try {
      return await askOne(endpoint, credentials, action, request)
    } catch (error) {
      if (error instanceof CommandFailure) throw error
      failures.push(`${formatHostPort(endpoint)}: ${explain(error)}`)
    }
  }
  throw new CommandFailure(TnlExit.noEndpoint, `no endpoint answered: ${failures.join('; ')}`)
}

async function askOne(
  endpoint: HostPort,
  credentials: Credentials | undefined,
  action: string,
  request: string,
): Promise<readonly Line[]> {
  const client = await LineClient.open(endpoint, credentials, ADMIN_TIMEOUT_MS)
  try {
    const welcome = await client.hello()
    if (welcome.action !== 'welcome') throw new Error(welcome.get('message') ?? welcome.action)
    client.send(`${action},id:1${request}`)
    const answer: Line[] = []
    for (;;) {
      const line = await client.nextParsed()
      if (line.get('id') !== '1') continue
      if (line.action === 'err') {
        throw new ClusterRefusal(line.get('code') ?? 'err', line.get('message') ?? '')
      }
      if (ONE_LINE.has(line.action)) return [line]
      if (line.action === 'end') return answer
      answer.push(line)
    }
  } finally {
    client.send('bye')
    client.close()
  }
}
