import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { greet } from '../../../src/raft/net/greeting.js'
import { testClock } from './kit.js'
import { testBed } from './test-bed.js'

const { start } = testBed()
/** Timeouts pass faster. */
const clock = testClock(10)
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listening(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer(onConnection).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('who answers at an address', () => {
  it('is the node whose peer port it is', async () => {
    const node = await start('a')
    expect(await greet(node.peer().address, clock)).toMatchObject({ kind: 'peer', hello: { nodeId: 'a' } })
  })

  it.each<[string, (socket: Socket) => void]>([
    ['waits for the first word, as a client port does', () => undefined],
    ['speaks another protocol', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends a frame that no peer begins with', (socket) => socket.write(Buffer.alloc(32))],
  ])('is no peer if it %s', async (_, onConnection) => {
    expect(await greet(await listening(onConnection), clock)).toMatchObject({ kind: 'stranger' })
  })

  it('is nobody yet behind a proxy that drops the connection, or without one', async () => {
    const address = await listening((socket) => socket.end())
    expect(await greet(address, clock)).toMatchObject({ kind: 'unreachable' })
    for (const server of servers.splice(0)) server.close()
    expect(await greet(address, clock)).toMatchObject({
      kind: 'unreachable',
      detail: expect.stringContaining('ECONNREFUSED'),
    })
    expect(await greet('no-such-host.invalid:1', clock)).toMatchObject({ kind: 'unreachable' })
  })
})
