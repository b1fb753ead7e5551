/** Snapshots on their way to operators: what is said, to whom, and what a reader costs that stands still or goes away. */
import { expect, it } from 'vitest'
import type { SnapshotReader } from '../../../src/raft/ports/store.js'
import {
  SNAPSHOT_PART_BYTES,
  SNAPSHOT_SENDS_MAX_COUNT,
  SNAPSHOT_STALLED_MS,
  SNAPSHOT_UNSENT_MAX_BYTES,
} from '../../../src/service/limits.js'
import { type SnapshotOrder, SnapshotSends } from '../../../src/service/reads/snapshot-sends.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { hello, started, talk } from '../kit/session-helpers.js'

const METADATA = {
  ...{ index: 7, term: 2 },
  confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
}
const settle = () => new Promise(setImmediate)
/** All that the disk is asked for, as long as nobody waits for time to pass. */
const read = async () => {
  for (let i = 0; i < 100; i++) await settle()
}

/** A file of so many bytes, each of which says where it stands. */
class FakeFile implements SnapshotReader {
  readonly metadata = METADATA
  isClosed = false
  reads = 0
  /** The disk does not answer until this is called. */
  answer: (() => void) | null = null

  constructor(
    readonly sizeBytes: number,
    private readonly hangs = false,
  ) {}

  async readRaw(offset: number, maxBytes: number): Promise<Uint8Array> {
    expect(this.isClosed, 'a closed file is not read').toBe(false)
    this.reads++
    if (this.hangs) await new Promise<void>((resolve) => (this.answer = resolve))
    const bytes = new Uint8Array(Math.min(maxBytes, this.sizeBytes - offset))
    for (let i = 0; i < bytes.length; i++) bytes[i] = (offset + i) % 251
    return bytes
  }

  async *chunks(): AsyncIterable<Uint8Array> {}

  async close(): Promise<void> {
    expect(this.isClosed, 'a file is closed once').toBe(false)
    this.isClosed = true
  }
}

function made() {
  const time = new VirtualClock(settle)
  const { clock } = time.forProcess()
  const asked: ((file: SnapshotReader) => void)[] = []
  const sends = new SnapshotSends(clock, { saveSnapshot: (done) => void asked.push(done) })
  return { time, sends, asked }
}

/** One that takes what it is sent when `takes` says so. */
function reader(takes = true) {
  const said: string[] = []
  const parts: Buffer[] = []
  const self = { unsentBytes: 0 }
  const order: SnapshotOrder = {
    begin: ({ index }, bytes) => void said.push(`begin ${index} ${bytes}`),
    part: (offset, bytes) => {
      expect(offset).toBe(parts.reduce((sum, part) => sum + part.length, 0))
      parts.push(Buffer.from(bytes))
      if (!takes) self.unsentBytes += bytes.length
    },
    end: (count) => void said.push(`end ${count}`),
    givenUp: () => void said.push('given up'),
  }
  return { self, order, said, parts }
}

it('a reader gets the whole file in parts, and it is closed', async () => {
  const { time, sends, asked } = made()
  const { self, order, said, parts } = reader()
  sends.begin(self, order)
  const file = new FakeFile(3 * SNAPSHOT_PART_BYTES + 1)
  asked[0]?.(file)
  await read()
  expect(said).toEqual([`begin 7 ${file.sizeBytes}`, 'end 4'])
  expect(Buffer.concat(parts).every((byte, at) => byte === at % 251)).toBe(true)
  expect(Buffer.concat(parts).length).toBe(file.sizeBytes)
  expect(file.isClosed).toBe(true)
  expect(sends.hasRoomFor(self)).toBe(true)
  expect(sends.lastSentWallMs).toBe(time.forProcess().clock.wallNow())
})

it('one that stands still has a few parts in memory, goes on when it reads, and is given up in the end', async () => {
  const { time, sends, asked } = made()
  const { self, order, said, parts } = reader(false)
  const file = new FakeFile(100 * SNAPSHOT_PART_BYTES)
  sends.begin(self, order)
  asked[0]?.(file)
  await read()
  await time.run(SNAPSHOT_STALLED_MS - 1_000)
  const most = SNAPSHOT_UNSENT_MAX_BYTES / SNAPSHOT_PART_BYTES + 1
  expect(parts.length).toBe(most)
  self.unsentBytes = 0
  await time.run(1_000)
  await read()
  await time.run(SNAPSHOT_STALLED_MS - 3_000)
  expect(parts.length).toBe(2 * most)
  expect(said).toHaveLength(1)
  await time.run(5_000)
  expect(said.at(-1)).toBe('given up')
  expect(sends.lastSentWallMs).toBe(0)
  expect(file.isClosed).toBe(true)
  expect(file.reads).toBe(2 * most)
  expect(sends.hasRoomFor(self)).toBe(true)
})

it('one that goes away costs nothing more: before the snapshot is made, while a part is read, and while it waits', async () => {
  const { time, sends, asked } = made()
  const [early, reading, waiting] = [reader(), reader(), reader(false)]
  sends.begin(early.self, early.order)
  sends.forget(early.self)
  const unwanted = new FakeFile(10)
  asked[0]?.(unwanted)
  expect([unwanted.isClosed, early.said]).toEqual([true, []])

  sends.begin(reading.self, reading.order)
  const hanging = new FakeFile(10, true)
  asked[1]?.(hanging)
  await time.run(10)
  sends.forget(reading.self)
  expect(hanging.isClosed, 'not under the disk that reads it').toBe(false)
  hanging.answer?.()
  await time.run(10)
  expect([hanging.isClosed, reading.parts.length]).toEqual([true, 0])

  sends.begin(waiting.self, waiting.order)
  const kept = new FakeFile(100 * SNAPSHOT_PART_BYTES)
  asked[2]?.(kept)
  await read()
  await time.run(1_000)
  sends.clear()
  const { reads } = kept
  await time.run(60_000)
  expect([kept.isClosed, kept.reads, waiting.said]).toEqual([true, reads, [`begin 7 ${kept.sizeBytes}`]])
})

it('so many at once, and one on a connection', () => {
  const { sends } = made()
  const readers = Array.from({ length: SNAPSHOT_SENDS_MAX_COUNT + 1 }, () => reader())
  for (const { self, order } of readers.slice(0, -1)) {
    expect(sends.hasRoomFor(self)).toBe(true)
    sends.begin(self, order)
    expect(sends.hasRoomFor(self)).toBe(false)
  }
  expect(readers.some(({ self }) => sends.hasRoomFor(self))).toBe(false)
  sends.forget(readers[0]?.self ?? { unsentBytes: 0 })
  expect(sends.hasRoomFor(readers.at(-1)?.self ?? { unsentBytes: 0 })).toBe(true)
})

it('.snapshot at any node has what was answered before, for operators alone, and is busy for a second one', async () => {
  const cluster = started()
  const [leader, follower] = [cluster.node(0), cluster.node(1)]
  expect(talk(hello(leader).socket, 'lock,id:1,name:here,meta:seen\n')).toMatch(/^ok,/)
  const stranger = follower.connect(false)
  talk(stranger, 'hello,version:2,redirect:no\n')
  expect(talk(stranger, '.snapshot,id:1\n')).toMatch(/^err,id:1,code:unauthorized,/)

  const { socket } = hello(follower)
  const before = socket.text.length
  const said = (): string => socket.text.slice(before)
  socket.send('.snapshot,id:5\n.snapshot,id:6\n')
  for (let i = 0; i < 50 && !said().includes('end,id:5'); i++) {
    cluster.world.advance(20)
    await settle()
  }
  const lines = said().trim().split('\n')
  expect(lines.find((line) => line.startsWith('snapshot,'))).toMatch(
    /^snapshot,id:5,cluster:c1,level:1,index:\d+,term:1,bytes:\d+$/,
  )
  const [, data = ''] = /part,id:5,offset:0,data:(\S+)/.exec(said()) ?? []
  expect(Buffer.from(data, 'base64').toString('latin1')).toContain('seen')
  expect(said()).toContain('end,id:5,count:1')
  expect(said()).toMatch(/err,id:6,code:busy,message:at%20most%202%20snapshots/)

  // Nobody can say what all have agreed on.
  for (const other of [0, 2]) cluster.node(other).kill()
  const alone = talk(socket, '.snapshot,id:7\n')
  cluster.world.advance(3_000)
  expect(alone).toBe('')
  expect(said()).not.toContain('snapshot,id:7')
})
