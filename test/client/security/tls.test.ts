/** Whom a client believes that speaks TLS, and what it tells to whom. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Client, connect } from '../../../src/client/client.js'
import type { ClientOptions } from '../../../src/client/client-options.js'
import { NoEndpointError, TlsError } from '../../../src/client/errors.js'
import { readCredentials } from '../../../src/client/security/credential-options.js'
import { ClassicSession } from '../../../src/client/session/classic-session.js'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { certificateFile, certificateText } from '../../kit/certificates.js'
import { type FrontOptions, TlsFront } from '../../kit/tls-front.js'
import { EVENT_TIMEOUT_MS } from '../../kit/wire.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'
import { lockOf } from '../lock-of.js'

let cluster: FakeCluster
let node: FakeNode
let folder: string
const fronts: TlsFront[] = []
const servers: Server[] = []
const clients: Client[] = []

beforeEach(async () => {
  cluster = new FakeCluster()
  node = await cluster.addNode()
  folder = mkdtempSync(join(tmpdir(), 'tnl-tls-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const front of fronts.splice(0)) front.close()
  for (const server of servers.splice(0)) server.close()
  await cluster.close()
  rmSync(folder, { recursive: true })
})

async function front(options: FrontOptions = {}, of: FakeNode = node): Promise<TlsFront> {
  const opened = await TlsFront.open(Number(of.address.split(':')[1]), options)
  fronts.push(opened)
  return opened
}

async function connected(options: ClientOptions): Promise<Client> {
  const client = await connect({ heartbeatThread: false, ...options })
  clients.push(client)
  return client
}

/** Whoever says the first word hears this. */
async function saying(words: string | Buffer): Promise<string> {
  const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(words)))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return `127.0.0.1:${bound.port}`
}

const refused = (options: ClientOptions): Promise<unknown> => connected(options).catch((error: unknown) => error)
const ca = (): string => certificateText('ca.pem')

describe('a node is believed', () => {
  it.each([
    ['at its address', '127.0.0.1', 'node' as const, {}],
    ['at its name, whatever address that stands for', 'localhost', 'named' as const, {}],
    [
      'at any address, if its certificate has the name that was given',
      '127.0.0.1',
      'node' as const,
      { serverName: 'n1.test' },
    ],
  ])('%s', async (_, host, certificate, more) => {
    const { port } = await front({ certificate })
    const client = await connected({ endpoints: `${host}:${port}`, tls: { ca: ca(), ...more } })
    const lock = await client.acquire('x')
    expect(lock.state).toBe('held')
    await lock.release()
  })

  it('if the authority is given as bytes, or as the name of a file', async () => {
    const { address } = await front()
    await connected({ endpoints: address, tls: { ca: Buffer.from(ca()) } })
    await connected({ endpoints: address, tls: { ca: certificateFile('ca.pem') } })
  })
})

describe('a node is not believed, and told nothing,', () => {
  it.each<[string, FrontOptions, object, RegExp]>([
    ['whose authority is not known here', {}, { ca: certificateFile('other-ca.pem') }, /not trusted.*UNABLE_TO_VERIFY/],
    ['for whom no authority was given, and the system knows none', {}, {}, /not trusted/],
    [
      'whose certificate is for another',
      { certificate: 'elsewhere' },
      {},
      /not for '127.0.0.1' but for DNS:elsewhere.test/,
    ],
    [
      'whose certificate has another name than the one that was given',
      {},
      { serverName: 'n2.test' },
      /not for 'n2.test'/,
    ],
    ['whose certificate has expired', { certificate: 'expired' }, {}, /certificate has expired/],
  ])('%s', async (what, options, tls, words) => {
    const { address } = await front(options)
    const given = what.includes('no authority') ? true : { ca: ca(), ...tls }
    const error = await refused({ endpoints: address, tls: given })
    expect(error).toBeInstanceOf(TlsError)
    expect(error).toMatchObject({ code: 'TNL_TLS', failures: [{ address, reason: expect.stringMatching(words) }] })
    expect(node.received).toEqual([])
  })

  it('whatever a variable of the environment says about checking', async () => {
    const { address } = await front({ certificate: 'stranger' })
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(await refused({ endpoints: address, tls: { ca: ca() } })).toBeInstanceOf(TlsError)
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })

  it('and who speaks no TLS is none', async () => {
    const address = await saying('bad-request\n')
    const error = await refused({ endpoints: address, tls: { ca: ca() } })
    expect(error).toMatchObject({ code: 'TNL_TLS', failures: [{ reason: expect.stringMatching(/does it speak TLS/) }] })
  })

  it('and who speaks nothing else is told in plain text what to do', async () => {
    // An alert, as stunnel and Go's servers send it: unexpected message.
    const address = await saying(Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x0a]))
    const error = await refused({ endpoints: address, tls: false, reach: 300 })
    expect(error).toBeInstanceOf(NoEndpointError)
    expect(String(error)).toContain('the server speaks TLS')
  })

  it('and of one that closes without a word it may be so', async () => {
    const error = await refused({ endpoints: await saying(''), tls: false, reach: 300 })
    expect(error).toBeInstanceOf(NoEndpointError)
    expect(String(error)).toContain('closed by the server without a word: does it speak TLS?')
  })

  it('while another endpoint is', async () => {
    const wrong = await front({ certificate: 'expired' })
    const right = await front()
    await connected({ endpoints: [wrong.address, right.address], tls: { ca: ca() } })
    expect(right.handshakes).toBe(1)
  })
})

describe('where a redirect leads', () => {
  it('has to prove who it is as well; if it cannot, the endpoint itself serves', async () => {
    const other = await cluster.addNode()
    const [own, impostor] = [await front(), await front({ certificate: 'stranger' }, other)]
    node.mood = { kind: 'redirect', to: impostor.address }
    await connected({ endpoints: own.address, tls: { ca: ca() } })
    expect(other.received).toEqual([])
    expect(node.received.at(-1)).toContain('redirect:no')
  })

  it('is gone to if it can', async () => {
    const other = await cluster.addNode()
    const [own, leader] = [await front(), await front({}, other)]
    node.mood = { kind: 'redirect', to: leader.address }
    await connected({ endpoints: own.address, tls: { ca: ca() } })
    expect(other.received[0]).toMatch(/^hello,/)
  })
})

describe('a client', () => {
  it('says who it is by its certificate, and by the renewed one after that', async () => {
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
    copyFileSync(certificateFile('client.pem'), cert)
    copyFileSync(certificateFile('client.key'), key)
    const own = await front({ clientCa: 'ca.pem' })
    const client = await connected({ endpoints: own.address, tls: { ca: ca(), cert, key } })
    expect(own.clients).toEqual(['build-7'])
    // A half of what belongs together is not used …
    copyFileSync(certificateFile('node.pem'), cert)
    own.reset()
    await node.until(() => own.clients.length === 2)
    expect(own.clients).toEqual(['build-7', 'build-7'])
    // … and the whole of it is.
    copyFileSync(certificateFile('node.key'), key)
    own.reset()
    await node.until(() => own.clients.length === 3)
    expect(own.clients).toEqual(['build-7', 'build-7', 'node'])
    await client.acquire('x')
  })

  it('that has none is refused by who asks for one', async () => {
    const { address } = await front({ clientCa: 'ca.pem' })
    const error = await refused({ endpoints: address, tls: { ca: ca() }, reach: 300 })
    expect(error).toBeInstanceOf(NoEndpointError)
    expect(node.received).toEqual([])
  })

  it('keeps its locks over TLS when the connection is reset, and resumes', async () => {
    const own = await front()
    const client = await connected({ endpoints: own.address, tls: { ca: ca() } })
    const lock = await client.acquire('x')
    own.reset()
    await node.until(() => node.received.some((line) => line.startsWith('resume,')))
    expect(lock.signal.aborted).toBe(false)
    await lock.release()
  })

  it('goes on looking for a node with a certificate, once it has a session', async () => {
    const own = await front()
    const client = await connected({ endpoints: own.address, tls: { ca: ca() } })
    const lock = await client.acquire('x')
    own.use('expired')
    own.reset()
    await vi.waitFor(() => expect(own.accepted).toBeGreaterThan(2), { timeout: EVENT_TIMEOUT_MS })
    own.use('node')
    await node.until(() => node.received.some((line) => line.startsWith('resume,')))
    expect(lock.state).not.toBe('lost')
  })
})

it('an original server behind a proxy that speaks TLS is one', async () => {
  node.mood = { kind: 'classic' }
  const { address } = await front()
  const credentials = readCredentials({ tls: { ca: ca() } }, {})
  const options = { endpoints: parseEndpoints(address), credentials, leaseMs: 600, lingerMs: 0, reachMs: 1_000 }
  const session = new ClassicSession(options)
  const grant = await lockOf(session, 'x', { waitMs: 0 })
  expect(session.link?.isSecure).toBe(true)
  await session.release(grant)
  await session.close()
})
