import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { EventStream } from '../../../src/server/http/event-stream.js'
import { STREAM_PULSE_MS, STREAM_STUCK_MS } from '../../../src/server/limits.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'

/** A response whose reader takes as many bytes as the test says. */
class FakeResponse extends EventEmitter {
  text = ''
  writableLength = 0
  isDestroyed = false
  readonly socket = { setNoDelay: () => undefined, bytesWritten: 0 }
  writeHead(): void {}
  flushHeaders(): void {}

  write(text: string): void {
    this.text += text
    this.writableLength += text.length
    this.socket.bytesWritten += text.length
  }

  take(bytes: number): void {
    this.writableLength = Math.max(0, this.writableLength - bytes)
  }

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

function made() {
  const time = new VirtualClock(() => Promise.resolve())
  const response = new FakeResponse()
  const stream = new EventStream(response as unknown as ServerResponse, time.forProcess().clock)
  let closed = 0
  stream.onceClosed(() => {
    closed += 1
  })
  return { time, response, stream, closed: () => closed }
}

it('says now and then that it is there, where nothing else is said', async () => {
  const { time, response, stream } = made()
  stream.send({ id: '1.0', event: 'granted', data: '{}' })
  response.take(1_000)
  await time.run(STREAM_PULSE_MS)
  expect(response.text).toBe('id: 1.0\nevent: granted\ndata: {}\n\n:\n\n')
})

it('drops a reader that takes nothing, and says so once', async () => {
  const { time, response, stream, closed } = made()
  stream.send({ event: 'x', data: '1' })
  await time.run(STREAM_STUCK_MS - 1)
  expect([response.isDestroyed, stream.unsentBytes > 0]).toEqual([false, true])
  await time.run(STREAM_PULSE_MS + 1)
  expect([response.isDestroyed, closed(), stream.unsentBytes]).toEqual([true, 1, 0])
  stream.send({ event: 'x', data: '2' })
  expect(response.text).not.toContain('2')
  response.emit('close')
  expect(closed()).toBe(1)
})

it('keeps one that is slow, however much there is before it', async () => {
  const { time, response, stream } = made()
  for (let round = 0; round < 20; round += 1) {
    for (let i = 0; i < 100; i += 1) stream.send({ event: 'x', data: '1' })
    response.take(1)
    await time.run(STREAM_PULSE_MS)
  }
  expect(response.isDestroyed).toBe(false)
  expect(stream.unsentBytes).toBeGreaterThan(10_000)
})

it('whoever feeds a stream that is closed already is told at once', () => {
  const { response, stream } = made()
  response.destroy()
  let told = false
  stream.onceClosed(() => {
    told = true
  })
  expect(told).toBe(true)
})
