import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { ClientPort } from '../../../src/server/clients/client-port.js'
import { tableAddress } from '../../../src/server/sockets/tcp-table.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { asIs } from '../../kit/looks-first.js'
import { client, closed, opened, RecordingService, setUp, textUntilEnd } from './client-port-kit.js'

describe('what the service hears', () => {
  it('is data, then the FIN, each after a turn', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    socket.end('lock,name:a\n')
    await service.until((events) => events.includes('fin'))
    expect(service.events).toEqual(['connected', 'data lock,name:a\n', 'fin'])
    expect(service.last.loopback).toBe(true)
    expect(service.last.remote).toBe(`127.0.0.1:${socket.localPort}`)
  })

  it('is "broken" after a reset', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    socket.resetAndDestroy()
    await service.until((events) => events.includes('broken'))
    expect(service.events).toEqual(['connected', 'broken'])
  })

  it('is "broken" and no FIN when the reset comes together with data', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    socket.write('.keepalive\n')
    socket.resetAndDestroy()
    await service.until((events) => events.length > 2)
    expect(service.events).toEqual(['connected', 'data .keepalive\n', 'broken'])
  })

  it('is the FIN that came before a reset, if the node has written meanwhile', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    // Unread data keeps the FIN behind it from being read.
    service.last.pause()
    await new Promise((resolve) => socket.write('unread\n', resolve))
    await closed(socket.destroy())
    // The first word meets a closed socket and makes the client's kernel send a reset; the second one learns of it.
    while (!service.events.includes('broken')) {
      service.last.write('word\n')
      await new Promise(setImmediate)
    }
    expect(service.events).toEqual(['connected', 'fin', 'broken'])
  })

  it('is no FIN if the client only reset it, also if the node has written meanwhile', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.pause()
    socket.resetAndDestroy()
    while (!service.events.includes('broken')) {
      service.last.write('word\n')
      await new Promise(setImmediate)
    }
    expect(service.events).toEqual(['connected', 'broken'])
  })

  it('is nothing once the node closes the connection itself', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.write('bad-action\n')
    service.last.end()
    service.last.write('never\n')
    expect(await textUntilEnd(socket)).toBe('bad-action\n')
    socket.end('too late\n')
    await closed(socket)
    await port.close()
    expect(service.events).toEqual(['connected'])
  })
})

describe('what the client gets', () => {
  it('is all words of a turn in one packet', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.write('ok\n')
    service.last.write('alive\n')
    expect(service.last.writableLength).toBe(9)
    const [chunk] = await once(socket, 'data')
    expect(chunk).toBe('ok\nalive\n')
    expect(service.last.writableLength).toBe(0)
  })

  it('is the last word, though it goes on sending', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    socket.write('x'.repeat(1_000_000))
    service.last.write('err,line too long\n')
    service.last.end()
    expect(await textUntilEnd(socket)).toBe('err,line too long\n')
  })

  it('is nothing if its service gives it up before the end of the turn', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.write('ok\n')
    service.turn = () => service.last.reset()
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    await closed(socket)
    expect(text).toBe('')
  })

  it('is nothing that was written in the turn of a reset', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.write('ok\n')
    service.last.reset()
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    await closed(socket)
    expect(text).toBe('')
  })

  it('is the end of the connection as soon as it has closed its side too', async () => {
    const system = new SystemClock()
    // The time after which the node would not wait any longer never comes.
    const clock: Clock = {
      speakerNow: () => system.speakerNow(),
      takerNow: () => system.takerNow(),
      wallNow: () => system.wallNow(),
      after: () => ({ cancel: () => undefined }),
      soon: (run) => system.soon(run),
    }
    const { service, port } = await setUp({ clock })
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    socket.write('x'.repeat(100_000))
    service.last.end()
    await textUntilEnd(socket)
    socket.end()
    while (port.connectionCount > 0) await new Promise(setImmediate)
    expect(service.events).toEqual(['connected'])
  })

  it('is the end of the connection soon, also if it never closes its side', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.end()
    await textUntilEnd(socket)
    await port.close()
    expect(port.connectionCount).toBe(0)
  })
})

describe('reading', () => {
  it('stops while the service pauses it', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    service.last.pause()
    socket.write('later\n')
    const other = await client(port)
    other.write('other\n')
    await service.until((events) => events.includes('data other\n'))
    expect(service.events).not.toContain('data later\n')
    service.connections[0]?.resume()
    await service.until((events) => events.includes('data later\n'))
  })

  it('stops while the client does not take its answers, and goes on when it does', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.length > 0)
    socket.pause()
    const answers = 'x'.repeat(64 * 1024 * 1024)
    service.last.write(answers)
    await new Promise(setImmediate)
    socket.write('more\n')
    const other = await client(port)
    other.write('other\n')
    await service.until((events) => events.includes('data other\n'))
    expect(service.events).not.toContain('data more\n')
    socket.resume()
    await service.until((events) => events.includes('data more\n'))
  })
})

it('a client that waits for its last words only keeps out nobody', async () => {
  const { service, port } = await setUp({ maxConnections: 2 })
  const say = async (line: string) => {
    const socket = await client(port)
    const before = service.events.length
    socket.write(line)
    await service.until((events) => events.slice(before).some((event) => /^data|^turned/.test(event)))
    return { socket, isServed: service.events.slice(before).includes(`data ${line}`) }
  }
  const refused = await say('wrong token\n')
  service.last.makeWay()
  const more = await say('another\n')
  service.last.makeWay()
  expect([refused.isServed, more.isServed]).toEqual([true, true])
  for (const name of ['a', 'b']) expect((await say(`lock,name:${name}\n`)).isServed).toBe(true)
  expect((await say('lock,name:c\n')).isServed).toBe(false)
  // It is told all the same.
  service.connections[0]?.write('err,unauthorized\n')
  service.connections[0]?.end()
  expect(await textUntilEnd(refused.socket)).toBe('err,unauthorized\n')
})

describe('the port', () => {
  it('is on both loopback addresses for localhost', async () => {
    const { service, port } = await setUp({ host: 'localhost' })
    await client(port, '127.0.0.1')
    await client(port, '::1').catch((error: NodeJS.ErrnoException) => {
      // A machine without IPv6 has nothing to listen on.
      expect(error.code).toBe('EADDRNOTAVAIL')
      service.connected(service.last)
    })
    await service.until((events) => events.length >= 2)
  })

  it('tells flag, value and errno when it is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    opened.push({ close: () => taken.close() })
    const address = taken.address()
    const number = typeof address === 'object' ? (address?.port ?? 0) : 0
    const open = ClientPort.open({
      listen: { host: 'localhost', port: number },
      maxConnections: 1,
      localPlaces: false,
      clock: asIs(new SystemClock()),
      service: new RecordingService(),
      warn: () => {},
    })
    const errno = process.platform === 'linux' ? 98 : 48
    await expect(open).rejects.toThrow(`--listen localhost:${number}: [Errno ${errno}] address already in use`)
  })
})

describe.runIf(process.platform === 'linux')('a client that has vanished', () => {
  it('is asked for a sign of life by the kernel after 5 s of silence', async () => {
    const { service, port } = await setUp()
    const socket = await client(port)
    await service.until((events) => events.includes('connected'))
    const addresses = [port.port, socket.localPort ?? 0].map((number) => tableAddress('127.0.0.1', number)).join(' ')
    const table = await readFile('/proc/net/tcp', 'latin1')
    const row = table.split('\n').find((line) => line.includes(` ${addresses} `)) ?? ''
    const [, timer, hundredths] = /:[0-9A-F]{8} ([0-9A-F]{2}):([0-9A-F]{8}) /.exec(row) ?? []
    // Kind 2 is the keepalive timer.
    expect(timer).toBe('02')
    expect(Number.parseInt(hundredths ?? '', 16)).toBeLessThanOrEqual(500)
  })

  it('is given up when it does not take what was written to it', async () => {
    const clock = new SystemClock()
    const times = 50
    const hasty: Clock = {
      speakerNow: () => clock.speakerNow() * times,
      takerNow: () => clock.takerNow() * times,
      wallNow: () => clock.wallNow(),
      after: (delayMs, run) => clock.after(delayMs / times, run),
      soon: (run) => clock.soon(run),
    }
    const { service, port } = await setUp({ clock: hasty })
    const socket = await client(port)
    socket.pause()
    await service.until((events) => events.includes('connected'))
    // More than the buffers of the kernel take.
    service.last.write('x'.repeat(32 * 1024 * 1024))
    await service.until((events) => events.includes('broken'))
  })
})
