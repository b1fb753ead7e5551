import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Link } from '../../../src/client/transport/link.js'

/** A connection to a server of this test, with the server's end of it. */
async function connected(name?: string): Promise<{ link: Link; socket: Socket } & AsyncDisposable> {
  let accepted: (socket: Socket) => void = () => undefined
  const connection = new Promise<Socket>((resolve) => {
    accepted = resolve
  })
  const server = createServer({ allowHalfOpen: true }, accepted)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const link = await Link.dial({ host: '127.0.0.1', port: address.port, name }, 5_000, new AbortController().signal)
  const socket = await connection
  socket.on('error', () => undefined)
  return {
    link,
    socket,
    [Symbol.asyncDispose]: async () => {
      link.reset()
      socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

it('says where it leads by number, and by the name that a certificate has to have', async () => {
  await using end = await connected('localhost')
  expect(end.link.remote).toEqual({ host: '127.0.0.1', port: end.socket.localPort, name: 'localhost' })
})

describe('what a server sends', () => {
  it('arrives as lines, however the stream is cut', async () => {
    await using end = await connected()
    for (const piece of ['o', 'k,na', 'me:ä\r', '\nali', 've\n']) {
      end.socket.write(piece)
      await new Promise(setImmediate)
    }
    const signal = new AbortController().signal
    const first = await end.link.nextLine(5_000, signal)
    expect([first.action, first.get('name')]).toEqual(['ok', 'ä'])
    expect((await end.link.nextLine(5_000, signal)).action).toBe('alive')
  })

  it.each([
    ['is not UTF-8', Buffer.from([0x6f, 0x6b, 0xff, 0x0a]), 'malformed'],
    ['is an empty line', Buffer.from('\n'), 'malformed'],
    ['holds a control character', Buffer.from('ok,name:a\u0007\n'), 'malformed'],
    ['has no end', Buffer.alloc(100_000, 'a'), 'too long'],
    ['is longer than any answer', Buffer.concat([Buffer.alloc(100_000, 'a'), Buffer.from('\n')]), 'too long'],
  ])('is the end of the connection if it %s: nothing that follows is believed', async (_, bytes, reason) => {
    await using end = await connected()
    const lines: string[] = []
    const closed = new Promise<string>((resolve) =>
      end.link.attach({ line: (line) => lines.push(line.action), closed: resolve }),
    )
    end.socket.write(Buffer.concat([Buffer.from('alive\n'), bytes, Buffer.from('ok,name:a,token:1\n')]))
    expect(await closed).toContain(reason)
    await new Promise(setImmediate)
    expect(lines).toEqual(['alive'])
  })
})

describe('a connection that the node closes', () => {
  it('is never answered with a FIN, which would be the word of a client that has let go: it is left by reset', async () => {
    let accepted: (socket: Socket) => void = () => undefined
    const connection = new Promise<Socket>((resolve) => {
      accepted = resolve
    })
    const server = createServer({ allowHalfOpen: true }, accepted)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const link = await Link.dial({ host: '127.0.0.1', port: address.port }, 5_000, new AbortController().signal)
    const socket = await connection
    const seen: string[] = []
    const gone = new Promise<void>((resolve) => {
      socket.on('end', () => seen.push('FIN'))
      socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''))
      socket.on('close', () => resolve())
      socket.resume()
    })
    const closed = new Promise<void>((resolve) => link.attach({ line: () => undefined, closed: () => resolve() }))
    socket.end()
    await closed
    // What Node does by itself upon a FIN it has done by now.
    await new Promise(setImmediate)
    link.reset()
    await gone
    expect(seen).toEqual(['ECONNRESET'])
    await new Promise((resolve) => server.close(resolve))
  })
})
