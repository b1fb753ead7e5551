import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Link } from '../../../src/client/transport/link.js'

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
