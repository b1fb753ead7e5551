import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isRawHandle, rawHandleOf, shutDown } from '../../../src/cli/system/raw-handle.js'

const TIMEOUT_MS = 1_000

let server: Server
let node: Socket
let client: Socket

beforeEach(async () => {
  const accepted = new Promise<Socket>((resolve) => {
    server = createServer({ allowHalfOpen: true }, resolve)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  client = connect({ port: address.port, host: '127.0.0.1' })
  await new Promise((resolve) => client.once('connect', resolve))
  node = await accepted
  node.on('error', () => undefined)
})

afterEach(async () => {
  vi.useRealTimers()
  node.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** The handle as the guardian has it: nobody reads from it. */
function handle() {
  const raw: unknown = rawHandleOf(client)
  if (!isRawHandle(raw)) throw new Error('no handle')
  return raw
}

describe('the last copy of a connection', () => {
  it('stays open after its FIN until the node has closed too: what is unread would turn the FIN into a reset', async () => {
    let isClosed = false
    const closed = shutDown(handle(), '', 60 * TIMEOUT_MS).then(() => {
      isClosed = true
    })
    await new Promise<void>((resolve) => node.resume().once('end', resolve))
    // A copy that does not wait is closed within a few turns of the event loop.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    expect(isClosed).toBe(false)
    node.end('bye\n')
    await closed
  })

  it('is read no longer than it was told to', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const closed = shutDown(handle(), '\nbye\n', TIMEOUT_MS)
    await new Promise<void>((resolve) => node.resume().once('end', resolve))
    // The node says nothing, and does not close its side.
    vi.advanceTimersByTime(TIMEOUT_MS)
    expect(await closed).toBe(false)
  })

  it('says its last words, and knows whether they were heard', async () => {
    let heard = ''
    node.on('data', (chunk) => {
      heard += String(chunk)
    })
    const closed = shutDown(handle(), '\nbye\n', TIMEOUT_MS)
    await new Promise<void>((resolve) => node.once('end', resolve))
    node.end()
    expect([await closed, heard]).toEqual([true, '\nbye\n'])
  })
})
