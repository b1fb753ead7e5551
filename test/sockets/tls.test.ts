/** TLS at the client port: what the service hears, and what a client gets. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { duplexPair } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import { beforeAll, describe, expect, it } from 'vitest'
import { subjectOfSocket } from '../../src/sockets/tls/subject.js'
import { TlsServer } from '../../src/sockets/tls/tls-server.js'
import { Authority } from '../kit/authority.js'
import { credentialsOf, setUpHandshakes, tcpClient, tlsClient } from './kit.js'

const WENT = 'the other end went away in the TLS handshake'

let authority: Authority
beforeAll(async () => {
  authority = await Authority.create()
})

const required = async () => setUpHandshakes({ credentials: await credentialsOf(authority) })

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (maxVersion) => {
  it('lines come in and answers go out', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.write('lock,name:x\n')
    await service.until((events) => events.includes('data lock,name:x\n'))
    service.last.write('ok\n')
    await once(client.tls, 'data')
    expect(client.text()).toBe('ok\n')
  })

  it('a client that is done and waits gets its answer (close_notify)', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.end('lock,name:x\n')
    await service.until((events) => events.includes('fin'))
    service.last.write('ok\n')
    service.last.end()
    await once(client.tls, 'end')
    expect(client.text()).toBe('ok\n')
    expect(service.events).toEqual(['connected', 'data lock,name:x\n', 'fin'])
  })

  it('a reset is a reset', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    client.tcp.resetAndDestroy()
    await service.until((events) => events.includes('broken'))
    expect(service.events).not.toContain('fin')
  })

  it('the end of a process is a FIN, with no word of TLS', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    service.last.write('b\n')
    await once(client.tls, 'data')
    // As a kernel closes for a process that was killed.
    client.tcp.destroy()
    await service.until((events) => events.includes('fin'))
  })

  it('bytes that are no TLS, and a FIN after them, are no FIN', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    // Straight to the kernel, as somebody on the way could.
    client.tcp.end('somebody on the way')
    await service.until((events) => events.includes('broken'))
    expect(service.events).not.toContain('fin')
  })

  it('the node can reset', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    service.last.reset()
    const [error] = (await once(client.tls, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
  })

  it('what a client does not take counts as unsent', async () => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, { maxVersion })
    client.tls.pause()
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    for (let left = 100; left > 0; left -= 1) service.last.write('x'.repeat(100_000))
    await new Promise((resolve) => setImmediate(resolve))
    expect(service.last.writableLength).toBeGreaterThan(1_000_000)
  })
})

describe('certificates of clients', () => {
  const namesOf = async (spec: Parameters<Authority['issue']>[0] | null, by = authority) => {
    const { service, port } = await required()
    const client = await tlsClient(port, authority, spec === null ? {} : await by.issue(spec))
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    return service.last.certificateNames
  }

  it('name the client, URIs first', async () => {
    expect(await namesOf({ uris: ['spiffe://prod/deploy'], commonName: 'deploy' })).toEqual([
      'spiffe://prod/deploy',
      'deploy',
    ])
  })

  it('are not needed', async () => {
    expect(await namesOf(null)).toEqual([])
  })

  it('of somebody else, or that have expired, name nobody', async () => {
    expect(await namesOf({ commonName: 'deploy' }, await Authority.create('another'))).toEqual([])
    expect(await namesOf({ commonName: 'deploy', days: -1 })).toEqual([])
  })
})

describe('a port for TLS alone', () => {
  it.each(['lock,name:x\n', '\n', 'GET / HTTP/1.1\r\n', '\x15\x03\x01\0\x02\x01\0'])('closes on %j', async (text) => {
    const { service, port, failures } = await required()
    const tcp = await tcpClient(port)
    tcp.write(text)
    await once(tcp.resume(), 'end')
    expect(failures).toEqual(['not TLS'])
    expect(service.events).toEqual([])
  })

  it('does not speak the old versions', async () => {
    const { port, failures } = await required()
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(tlsClient(port, authority, old)).rejects.toThrow(/alert protocol version|handshake/)
    expect(failures).toHaveLength(1)
  })

  it('lets go at once of a client that does not believe it, and says so', async () => {
    const { port, failures } = await required()
    await expect(tlsClient(port, await Authority.create('another'))).rejects.toThrow(/certificate/)
    await expect.poll(() => failures).toEqual([WENT])
  })

  it.each(['end', 'resetAndDestroy'] as const)('lets go at once of who leaves in its handshake (%s)', async (leave) => {
    const { port, failures } = await required()
    const tcp = await tcpClient(port)
    const [near, far] = duplexPair()
    connect({ socket: near }).on('error', () => undefined)
    far.pipe(tcp)
    await once(tcp, 'data')
    far.unpipe(tcp)
    tcp[leave]()
    await expect.poll(() => failures).toEqual([WENT])
  })

  it('bears a handshake that comes byte by byte', async () => {
    const { port, service } = await required()
    const relayed = await tcpClient(port)
    const [near, far] = duplexPair()
    far.on('data', (chunk: Buffer) => {
      for (const byte of chunk) relayed.write(Buffer.of(byte))
    })
    relayed.on('data', (chunk) => void far.write(chunk))
    const tls = connect({ ca: authority.cert, servername: 'localhost', socket: near })
    await once(tls, 'secureConnect')
    tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    tls.destroy()
  })
})

describe('a port for both', () => {
  const optional = async () => setUpHandshakes({ credentials: await credentialsOf(authority), isRequired: false })

  it('tells them apart by the first byte', async () => {
    const { service, port } = await optional()
    const plain = await tcpClient(port)
    plain.write('plain\n')
    await service.until((events) => events.includes('data plain\n'))
    const client = await tlsClient(port, authority)
    client.tls.write('secure\n')
    await service.until((events) => events.includes('data secure\n'))
  })

  it('answers a plain client that is done at once', async () => {
    const { service, port } = await optional()
    const plain = await tcpClient(port)
    plain.setEncoding('utf8').end('lock,name:x\n')
    await service.until((events) => events.includes('fin'))
    service.last.write('ok\n')
    service.last.end()
    const [text] = await once(plain, 'data')
    expect(text).toBe('ok\n')
    expect(service.events).toEqual(['connected', 'data lock,name:x\n', 'fin'])
  })

  it('hears a FIN that comes later', async () => {
    const { service, port } = await optional()
    const plain = await tcpClient(port)
    plain.write('lock,name:x\n')
    await service.until((events) => events.includes('data lock,name:x\n'))
    service.last.write('ok\n')
    await once(plain, 'data')
    plain.end()
    await service.until((events) => events.includes('fin'))
  })

  it('hears all of a plain client, in order', async () => {
    const { service, port } = await optional()
    const plain = await tcpClient(port)
    const text = Array.from({ length: 20_000 }, (_, place) => `line ${place}\n`).join('')
    for (let at = 0; at < text.length; at += 777) plain.write(text.slice(at, at + 777))
    const heard = (events: readonly string[]) => events.map((event) => event.replace(/^data |^connected/, '')).join('')
    await service.until((events) => heard(events).length >= text.length)
    expect(heard(service.events)).toBe(text)
  })
})

describe('new credentials', () => {
  it('are for new connections; those that are open stay', async () => {
    const credentials = await credentialsOf(authority, { commonName: 'first' })
    const { service, port } = await setUpHandshakes({ credentials })
    const before = await tlsClient(port, authority)
    expect(before.tls.getPeerCertificate().subject.CN).toBe('first')
    credentials.set({ ...(await authority.issue({ dns: ['localhost'], commonName: 'second' })), ca: authority.cert })
    const after = await tlsClient(port, authority)
    expect(after.tls.getPeerCertificate().subject.CN).toBe('second')
    before.tls.write('still here\n')
    await service.until((events) => events.includes('data still here\n'))
  })

  it('a session from before is not resumed under them: it was verified by the old ones', async () => {
    const credentials = await credentialsOf(authority)
    const { service, port } = await setUpHandshakes({ credentials })
    const issued = await authority.issue({ commonName: 'deploy' })
    const first = await tlsClient(port, authority, { ...issued, maxVersion: 'TLSv1.2' })
    const session = first.tls.getSession()
    const again = await tlsClient(port, authority, { ...issued, maxVersion: 'TLSv1.2', ...(session && { session }) })
    again.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    expect(again.tls.isSessionReused()).toBe(true)
    expect(service.last.certificateNames).toEqual(['deploy'])
    credentials.set({ ...credentials.current, ca: (await Authority.create('another')).cert })
    const late = await tlsClient(port, authority, { ...issued, maxVersion: 'TLSv1.2', ...(session && { session }) })
    late.tls.write('b\n')
    await service.until((events) => events.includes('data b\n'))
    expect(late.tls.isSessionReused()).toBe(false)
    expect(service.last.certificateNames).toEqual([])
  })
})

it('whoever goes on with a session in which no certificate was shown has none', async () => {
  const credentials = await credentialsOf(authority)
  const seen: { readonly subject: unknown; readonly isReused: boolean; readonly isAuthorized: boolean }[] = []
  const tlsServer = new TlsServer({ credentials, isRequired: true, firstBytes: 'client', needsCertificate: false })
  const server = createServer((tcp) => {
    tcp.on('error', () => undefined)
    tlsServer.secure(tcp, (socket) => {
      if (socket === null) return
      seen.push({
        subject: subjectOfSocket(socket),
        isReused: socket.isSessionReused(),
        isAuthorized: socket.authorized,
      })
      socket.on('error', () => undefined)
      socket.resume().write('x')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const call = async (until: 'session' | 'data', options: ConnectionOptions = {}): Promise<Buffer> => {
    const tls = connect({ host: '127.0.0.1', port, ca: authority.cert, servername: 'localhost', ...options })
    const [given] = (await once(tls, until)) as [Buffer]
    tls.destroy()
    return given
  }
  try {
    await call('data', { session: await call('session') })
  } finally {
    server.close()
  }
  expect(seen).toEqual([
    { subject: null, isReused: false, isAuthorized: false },
    // Node's own word for it: should that ever change, this test may go.
    { subject: null, isReused: true, isAuthorized: true },
  ])
})
