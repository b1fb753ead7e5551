/** What comes before the first line: relays' headers, strangers who say nothing, and how many there may be. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { Handshakes, type HandshakeTerms, type OpenedSocket } from '../../src/sockets/handshakes.js'
import { relaysOf } from '../../src/sockets/proxy/relays.js'
import { looksLikeTls } from '../../src/sockets/tls/first-bytes.js'
import { TlsServer } from '../../src/sockets/tls/tls-server.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { Authority } from '../kit/authority.js'
import { credentialsOf, setUpHandshakes, tcpClient, tlsClient } from './kit.js'
import { version2 } from './proxy-kit.js'

let authority: Authority
beforeAll(async () => {
  authority = await Authority.create()
})

const LINE = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 7654\r\n'
const fromHere = () => setUpHandshakes({ proxyFrom: ['127.0.0.0/8'] })

describe('a relay', () => {
  it.each([
    ['names the client', LINE, '192.0.2.7:56324', false],
    ['on this machine may speak for this machine', 'PROXY TCP4 127.0.0.1 127.0.0.1 5 6\r\n', '127.0.0.1:5', true],
    ['does so by IPv6 as well', 'PROXY TCP6 ::1 ::1 5 6\r\n', '[::1]:5', true],
  ])('%s', async (_what, header, remote, loopback) => {
    const { service, port } = await fromHere()
    const tcp = await tcpClient(port)
    tcp.write(`${header}lock,name:x\n`)
    await service.until((events) => events.includes('data lock,name:x\n'))
    expect(service.last).toMatchObject({ remote, loopback })
    // Rule 5: what the kernel says of this connection stays what it says.
    expect(service.last.ownEnd).toEqual({ host: '127.0.0.1', port: tcp.localPort })
  })

  it.each([
    ['that checks its health', version2({ command: 0x20, family: 0, addresses: [] })],
    ['that does not know', Buffer.from('PROXY UNKNOWN\r\n')],
  ])('%s is not this machine', async (_what, header) => {
    const { service, port } = await fromHere()
    const tcp = await tcpClient(port)
    tcp.write(Buffer.concat([header, Buffer.from('.ping\n')]))
    await service.until((events) => events.includes('data .ping\n'))
    expect(service.last).toMatchObject({ remote: `127.0.0.1:${tcp.localPort}`, loopback: false })
  })

  it('may write its header in pieces, with the line behind it', async () => {
    const { service, port } = await fromHere()
    const tcp = await tcpClient(port)
    for (const byte of Buffer.from(`${LINE}lock,name:x\n`)) {
      tcp.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await service.until((events) => events.join('').replaceAll('data ', '').endsWith('lock,name:x\n'))
    expect(service.last.remote).toBe('192.0.2.7:56324')
  })

  it.each(['lock,name:x\n', 'PROXY TCP4 nonsense\r\n'])('that says %j is closed', async (text) => {
    const { service, port, failures } = await fromHere()
    const tcp = await tcpClient(port)
    tcp.write(text)
    await once(tcp.resume(), 'end')
    expect(service.events).toEqual([])
    expect(failures).toEqual(['a relay (--proxy-from) that sends no PROXY header'])
  })

  it('that is not listed says a bad first line, and no more', async () => {
    const { service, port } = await setUpHandshakes({ proxyFrom: ['10.0.0.0/8'] })
    const tcp = await tcpClient(port)
    tcp.write(LINE)
    await service.until((events) => events.includes(`data ${LINE}`))
    expect(service.last).toMatchObject({ remote: `127.0.0.1:${tcp.localPort}`, loopback: true })
  })

  it('may have TLS behind its header, and the certificate counts', async () => {
    const { service, port } = await setUpHandshakes({
      proxyFrom: ['127.0.0.1'],
      credentials: await credentialsOf(authority),
    })
    const issued = await authority.issue({ commonName: 'deploy' })
    const client = await tlsClient(port, authority, { before: LINE, ...issued })
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
    expect(service.last).toMatchObject({ remote: '192.0.2.7:56324', certificateNames: ['deploy'] })
  })

  it('needs its header before TLS, not within', async () => {
    const { port, failures } = await setUpHandshakes({
      proxyFrom: ['127.0.0.1'],
      credentials: await credentialsOf(authority),
    })
    await expect(tlsClient(port, authority)).rejects.toThrow()
    expect(failures).toEqual(['a relay (--proxy-from) that sends no PROXY header'])
  })
})

describe('a relay on another machine', () => {
  /** Clients behind it, whose connections are in memory. */
  async function behind(maxCount: number, tls: TlsServer | null = null) {
    const opened: OpenedSocket[] = []
    const terms: HandshakeTerms = {
      clock: new VirtualClock(() => Promise.resolve()).forProcess().clock,
      maxCount,
      relays: relaysOf(['10.0.0.0/8']),
      tls,
      firstByteMaxMs: 1,
      silentArePlain: false,
      failed: () => undefined,
    }
    const handshakes = new Handshakes(terms, (one) => void opened.push(one))
    const from = (host: string): PassThrough => {
      const tcp = Object.assign(new PassThrough(), { remoteAddress: '10.0.0.7', remotePort: 5 })
      handshakes.accept(tcp as unknown as Socket)
      tcp.write(`PROXY TCP4 ${host} 127.0.0.1 5 6\r\n`)
      tcp.emit('readable')
      return tcp
    }
    return { opened, from }
  }

  it('means its own by a loopback address', async () => {
    const { opened, from } = await behind(1)
    from('127.0.0.1')
    expect(opened[0]?.relayed).toEqual({ client: { host: '127.0.0.1', port: 5 }, isOfThisMachine: false })
  })

  it('has many clients, and of too many those go who come from one machine', async () => {
    const credentials = await credentialsOf(authority)
    const tls = new TlsServer({ credentials, isRequired: true, firstBytes: 'client', needsCertificate: false })
    const { from } = await behind(3, tls)
    const slow = from('192.0.2.1')
    const strangers = [1, 2, 3, 4].map(() => from('192.0.2.9'))
    expect(slow.destroyed).toBe(false)
    expect(strangers.map(({ destroyed }) => destroyed)).toEqual([true, true, false, false])
  })
})

describe('the first bytes', () => {
  it.each([
    ['client', [0x16], true],
    ['client', [0x6c], false],
    ['peer', [0x16], 'incomplete'],
    ['peer', [0x16, 3], 'incomplete'],
    ['peer', [0x16, 3, 1], true],
    ['peer', [0x16, 3, 3], true],
    // Frames of 22 and of 790 bytes.
    ['peer', [0x16, 0], false],
    ['peer', [0x16, 3, 0], false],
    ['peer', [0xc8], false],
  ] as const)('of a %s: %j', (which, bytes, expected) => {
    expect(looksLikeTls(Buffer.from(bytes), which)).toBe(expected)
  })
})

describe('strangers', () => {
  const timed = async (isRequired: boolean) => {
    const time = new VirtualClock(() => new Promise(setImmediate))
    const set = await setUpHandshakes({
      credentials: await credentialsOf(authority),
      isRequired,
      clock: time.forProcess().clock,
    })
    return { ...set, time }
  }

  it('who say nothing to a port for TLS are sent away after ten seconds', async () => {
    const { port, time, failures, service } = await timed(true)
    const tcp = await tcpClient(port)
    const gone = once(tcp.resume(), 'end')
    await time.run(9_999)
    expect(failures).toEqual([])
    await time.run(1)
    await gone
    expect(failures).toEqual(['nothing came in time'])
    expect(service.events).toEqual([])
  })

  it('who begin a handshake and go on slowly have ten seconds for it', async () => {
    const { port, time, failures } = await timed(true)
    const tcp = await tcpClient(port)
    tcp.write(Buffer.of(0x16, 3, 1, 2))
    // The answer to a handshake that is over proves that the bytes before it were read.
    await tlsClient(port, authority)
    await time.run(9_999)
    expect(failures).toEqual([])
    const gone = once(tcp.resume(), 'end')
    await time.run(1)
    await gone
    expect(failures).toEqual(['the TLS handshake takes too long'])
  })

  it('who may be people at a terminal have a minute', async () => {
    const { port, time, failures } = await timed(false)
    const tcp = await tcpClient(port)
    const gone = once(tcp.resume(), 'end')
    await time.run(59_999)
    expect(failures).toEqual([])
    await time.run(1)
    await gone
    expect(failures).toEqual(['nothing came in time'])
  })

  it('of too many the oldest goes, and clients still get in', async () => {
    const { port, failures, service } = await setUpHandshakes({
      credentials: await credentialsOf(authority),
      maxCount: 2,
    })
    const first = await tcpClient(port)
    const gone = once(first.resume(), 'end')
    await tcpClient(port)
    await tcpClient(port)
    await gone
    expect(failures).toEqual(['too many connections before their first line'])
    const client = await tlsClient(port, authority)
    client.tls.write('a\n')
    await service.until((events) => events.includes('data a\n'))
  })

  it('begin a few handshakes at a time, and others have their turn in between', async () => {
    const { port, time } = await timed(true)
    await tlsClient(port, authority)
    await tlsClient(port, authority)
    let isSecure = false
    const third = tlsClient(port, authority).then(() => {
      isSecure = true
    })
    // Plain text is turned away when it comes: by then the third one's first bytes have been read.
    await once(await tcpClient(port).then((tcp) => tcp.end('x').resume()), 'end')
    expect(isSecure).toBe(false)
    await time.run(2)
    await third
  })

  it.each([
    ['and nothing else', '', []],
    ['in the middle of a header', 'PROXY TCP4', ['closed by the other end']],
    ['after a header', LINE, ['closed by the other end']],
  ])('who say that they are done %s have gone', async (_what, text, told) => {
    const { port, failures, service } = await setUpHandshakes({
      credentials: await credentialsOf(authority),
      proxyFrom: ['127.0.0.1'],
    })
    const tcp = await tcpClient(port)
    tcp.end(text)
    await once(tcp.resume(), 'end')
    expect(failures).toEqual(told)
    expect(service.events).toEqual([])
  })

  it('are gone with the port', async () => {
    const { port, failures } = await setUpHandshakes({ credentials: await credentialsOf(authority) })
    const tcp = await tcpClient(port)
    const gone = once(tcp.resume(), 'end')
    // It was accepted: another one that came later has its answer.
    await tlsClient(port, authority)
    await port.close()
    await gone
    expect(failures).toContain('this node stops')
  })
})
