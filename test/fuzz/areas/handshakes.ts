/** What strangers say before the first line, over real connections: TLS and PROXY headers, whole, damaged, cut off. */
import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { connect } from 'node:tls'
import type { Clock } from '../../../src/platform.js'
import { clientTcpTerms } from '../../../src/server/clients/client-tcp.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import type { HandshakeTerms } from '../../../src/sockets/handshakes.js'
import { relaysOf } from '../../../src/sockets/proxy/relays.js'
import type { StreamListener } from '../../../src/sockets/streams.js'
import { handshakingNetwork } from '../../../src/sockets/tls/tls-network.js'
import { TlsServer } from '../../../src/sockets/tls/tls-server.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Authority } from '../../kit/authority.js'
import { type Area, Finding, Trail } from '../area.js'
import { clientHello, strangersWords } from '../stranger-grammar.js'

const CONNECTIONS = 200
/** Who stops in the middle of a handshake is given up after a tenth of a second in place of ten: each case waits for those. */
const SPEED = 100
/** Far above what the busiest machine needs for a few hundred of them. */
const END_TIMEOUT_MS = 60_000

interface Door {
  readonly listener: StreamListener
  readonly what: string
}

interface World {
  readonly doors: readonly Door[]
  /** Those that expect no header. */
  readonly honestDoors: readonly Door[]
  /** What an honest client says first. */
  readonly hello: Buffer
  readonly authority: Authority
}

class HandshakesArea implements Area {
  readonly name = 'handshakes'
  readonly what = 'TLS handshakes and PROXY headers over real connections'
  readonly through = 'TLS sockets'
  #world: Promise<World> | null = null
  #speed = SPEED

  async play(seed: number): Promise<number> {
    const random = new SeededRandom(seed)
    const trail = new Trail(5)
    this.#world ??= this.#open()
    const { doors, honestDoors, hello, authority } = await this.#world
    const inputs = Array.from({ length: CONNECTIONS }, () => ({
      door: random.pick(doors),
      bytes: strangersWords(random, hello),
    }))
    for (const { door, bytes } of inputs) trail.add(`${door.what}: ${bytes.toString('latin1')}`)
    await Promise.all(inputs.map(({ door, bytes }) => ended(door.listener.port, bytes, trail)))
    this.#speed = 1
    for (const { listener } of honestDoors) await honest(listener.port, authority, trail)
    this.#speed = SPEED
    return CONNECTIONS
  }

  async close(): Promise<void> {
    const world = await this.#world
    this.#world = null
    for (const { listener } of world?.doors ?? []) listener.close()
  }

  async #open(): Promise<World> {
    const authority = await Authority.create()
    const issued = await authority.issue({ dns: ['localhost'] })
    const credentials = { current: { ...issued, ca: authority.cert }, onChange: () => undefined }
    const door = async (what: string, isRequired: boolean, firstBytes: 'client' | 'peer', isRelayed: boolean) => {
      const terms: HandshakeTerms = {
        clock: fastClock(() => this.#speed),
        maxCount: 2 * CONNECTIONS,
        relays: isRelayed ? relaysOf(['127.0.0.1']) : null,
        tls: new TlsServer({ credentials, isRequired, firstBytes, needsCertificate: false }),
        firstByteMaxMs: 1_000,
        silentArePlain: firstBytes === 'peer',
        failed: () => undefined,
      }
      const network = handshakingNetwork(clientTcpTerms, terms, null)
      const listener = await network.listen(
        { host: '127.0.0.1', port: 0 },
        ({ stream }) => {
          stream.on('error', () => undefined)
          stream.on('data', () => undefined)
          stream.on('end', () => stream.end('bye\n'))
        },
        // The system refuses connections: a machine that is too busy, which the honest client shows.
        () => undefined,
      )
      return { listener, what }
    }
    const doors = [
      await door('required', true, 'client', false),
      await door('optional', false, 'client', false),
      await door('peer', false, 'peer', false),
    ]
    const relayed = await door('behind a relay', true, 'client', true)
    return { doors: [...doors, relayed], honestDoors: doors, hello: await clientHello(), authority }
  }
}

/** Fast for strangers, and as it is for who is honest and has to wait for a busy machine. */
function fastClock(speed: () => number): Clock {
  const clock = new SystemClock()
  return {
    speakerNow: () => clock.speakerNow(),
    takerNow: () => clock.takerNow(),
    wallNow: () => clock.wallNow(),
    after: (delayMs, run) => clock.after(delayMs / speed(), run),
    soon: (run) => clock.soon(run),
  }
}

/** The node closes whatever is said, once it is over. */
async function ended(port: number, bytes: Buffer, trail: Trail): Promise<void> {
  const socket = dial({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => undefined)
  const timer = setTimeout(() => socket.destroy(new Error('no end')), END_TIMEOUT_MS)
  let isLate = true
  socket.on('end', () => {
    isLate = false
    socket.destroy()
  })
  socket.on('error', (error) => {
    isLate = error.message === 'no end'
  })
  socket.resume().end(bytes)
  await once(socket, 'close').catch(() => undefined)
  clearTimeout(timer)
  if (isLate) throw new Finding(`a connection is kept after its end: ${bytes.toString('latin1')}`, trail.lines)
}

async function honest(port: number, authority: Authority, trail: Trail): Promise<void> {
  const tls = connect({ host: '127.0.0.1', port, ca: authority.cert, servername: 'localhost' })
  try {
    tls.end('hello\n')
    const [text] = await once(tls, 'data')
    if (String(text) !== 'bye\n') throw new Error(String(text))
  } catch (error) {
    throw new Finding(`an honest client is not served: ${String(error)}`, trail.lines)
  } finally {
    tls.destroy()
  }
}

export const handshakes: Area = new HandshakesArea()
