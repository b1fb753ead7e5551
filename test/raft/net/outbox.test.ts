import { describe, expect, it } from 'vitest'
import { Outbox } from '../../../src/raft/net/outbox.js'
import { FrameKind, Lane } from '../../../src/raft/ports/transport.js'
import { MemoryNetwork } from '../../../src/testing/memory-network.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualTime } from '../../../src/testing/virtual-time.js'

const BOUNDS = { controlBytes: 1_000, bulkBytes: 1_000 }
const LONG = [Buffer.alloc(5_000)]

/** To a host that answers nothing: whatever is pushed waits. */
function outbox(): Outbox {
  const time = new VirtualTime()
  const network = new MemoryNetwork(time, new SeededRandom(1), {
    weather: { delayMs: () => 1, isHeld: () => true },
    texture: () => ({ windowBytes: 1_000, splitChance: 0 }),
  })
  const station = { name: 'n1', address: '10.0.0.1', isAlive: true, lagMs: 0, deliver: () => undefined }
  const { dialler } = network.dial(station, { allowHalfOpen: false }, { host: 'n2', port: 7655 })
  return new Outbox(dialler, BOUNDS)
}

describe('what may wait for a peer', () => {
  it('is bounded on the bulk lane, but a lane that is empty takes any frame: it could never leave otherwise', () => {
    const box = outbox()
    expect(box.push(Lane.bulk, FrameKind.snapshotChunk, LONG)).toBe(true)
    expect(box.push(Lane.bulk, FrameKind.snapshotChunk, [Buffer.alloc(1)])).toBe(false)
  })

  it('is bounded on the control lane, whatever waits there', () => {
    const box = outbox()
    expect(box.push(Lane.control, FrameKind.raft, LONG)).toBe(false)
    expect(box.push(Lane.control, FrameKind.raft, [Buffer.alloc(900)])).toBe(true)
    expect(box.push(Lane.control, FrameKind.raft, [Buffer.alloc(900)])).toBe(false)
  })
})
