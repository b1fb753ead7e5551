/** Rule 7: whatever wakes a node, it looks at the clock before anything else. */
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE, EMPTY_HARD_STATE } from '../../../src/raft/core/types.js'
import { awaited, clockThatLooks, storeThatLooks, transportThatLooks } from '../../../src/raft/ports/looks-first.js'
import type { LogStore, SnapshotReader, SnapshotReceiver } from '../../../src/raft/ports/store.js'
import { FrameKind, PeerDownReason, type Transport, type TransportHandlers } from '../../../src/raft/ports/transport.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { helloOf } from '../../kit/hello.js'
import { settle } from '../../kit/settle.js'

const METADATA = { index: 1, term: 1, confState: EMPTY_CONF_STATE }

/** What happened, in order. */
class Course {
  readonly events: string[] = []
  readonly look = (): void => void this.events.push('look')
  readonly on =
    (event: string) =>
    (..._: unknown[]): void =>
      void this.events.push(event)
}

describe('a clock that looks', () => {
  it('looks before a timer and before the end of a turn', async () => {
    const course = new Course()
    const fake = new VirtualClock(settle)
    const clock = clockThatLooks(fake.forProcess().clock, course.look)
    clock.after(10, course.on('timer'))
    clock.soon(course.on('end of turn'))
    await fake.run(20)
    expect(course.events).toEqual(['look', 'end of turn', 'look', 'timer'])
  })

  it('does not run a timer that its own look has cancelled', async () => {
    const fake = new VirtualClock(settle)
    const events: string[] = []
    const clock = clockThatLooks(fake.forProcess().clock, () => timer.cancel())
    const timer = clock.after(10, () => void events.push('timer'))
    await fake.run(20)
    expect(events).toEqual([])
  })

  it('tells the time of the clock that it stands before', () => {
    const told: Clock = {
      ...new VirtualClock(settle).forProcess().clock,
      speakerNow: () => 3,
      takerNow: () => 2,
      wallNow: () => 1,
    }
    const clock = clockThatLooks(told, () => undefined)
    expect([clock.speakerNow(), clock.takerNow(), clock.wallNow()]).toEqual([3, 2, 1])
  })
})

describe('a transport that looks', () => {
  it('looks before each word of its own', async () => {
    const course = new Course()
    let given: TransportHandlers | null = null
    const raw = {
      start: async (handlers: TransportHandlers) => {
        given = handlers
      },
    } as unknown as Transport
    const hello = helloOf({ nodeId: 'n2' })
    await transportThatLooks(raw, course.look).start({
      hello: () => {
        course.on('hello')()
        return hello
      },
      judge: () => {
        course.on('judge')()
        return { accept: true }
      },
      onRefused: course.on('refused'),
      onFrame: course.on('frame'),
      onUp: course.on('up'),
      onDown: course.on('down'),
    })
    course.events.length = 0
    const handlers = given as unknown as TransportHandlers
    expect(handlers.hello()).toBe(hello)
    expect(handlers.judge(hello, true)).toEqual({ accept: true })
    handlers.onRefused(
      { code: 'removed' as never, isFinal: true, message: '' },
      { nodeId: 'n2', wasDialled: true, hello },
    )
    handlers.onFrame('n2', FrameKind.raft, EMPTY_BYTES)
    handlers.onUp(hello)
    handlers.onDown('n2', PeerDownReason.closed)
    const told = ['hello', 'judge', 'refused', 'frame', 'up', 'down']
    expect(course.events).toEqual(told.flatMap((event) => ['look', event]))
  })
})

type Answering = {
  [K in keyof LogStore]: LogStore[K] extends (...args: never[]) => Promise<unknown> ? K : never
}[keyof LogStore]

describe('a store that looks', () => {
  const source = { next: () => null, abort: () => undefined }
  const calls: Record<Answering, (store: LogStore) => Promise<unknown>> = {
    append: (store) => store.append({ hardState: EMPTY_HARD_STATE, entries: [], mustSync: true }),
    writeIdentity: (store) => store.writeIdentity({ clusterId: 'c', nodeId: 'n', raftId: 1, memberUid: 'u' }),
    putRecord: (store) => store.putRecord('k', null),
    getRecord: (store) => store.getRecord('k'),
    saveSnapshot: (store) => store.saveSnapshot(METADATA, source),
    openSnapshot: (store) => store.openSnapshot(1, 1),
    receiveSnapshot: (store) => store.receiveSnapshot(METADATA, 1),
    installSnapshot: (store) => store.installSnapshot(METADATA, null),
    compact: (store) => store.compact(1),
    raiseLevel: (store) => store.raiseLevel(2),
    close: (store) => store.close(),
  }

  it.each(Object.entries(calls))('looks when the disk has answered %s, and when it has failed', async (name, call) => {
    const course = new Course()
    const raw = { [name]: async () => ({}) } as unknown as LogStore
    await call(storeThatLooks(raw, course.look)).then(course.on('answered'))
    expect(course.events).toEqual(['look', 'answered'])
    const failing = { [name]: () => Promise.reject(new Error('sync failed')) } as unknown as LogStore
    await call(storeThatLooks(failing, course.look)).catch(course.on('failed'))
    expect(course.events).toEqual(['look', 'answered', 'look', 'failed'])
  })

  it('looks before each part of a snapshot, read or written', async () => {
    const course = new Course()
    const reader: SnapshotReader = {
      metadata: METADATA,
      sizeBytes: 2,
      readRaw: async () => EMPTY_BYTES,
      async *chunks() {
        yield EMPTY_BYTES
        yield EMPTY_BYTES
      },
      close: async () => undefined,
    }
    const receiver: SnapshotReceiver = {
      write: async () => 1,
      finish: async () => METADATA,
      abort: async () => undefined,
    }
    const raw = { openSnapshot: async () => reader, receiveSnapshot: async () => receiver } as unknown as LogStore
    const store = storeThatLooks(raw, course.look)
    const opened = await store.openSnapshot(1, 1)
    const received = await store.receiveSnapshot(METADATA, 2)
    course.events.length = 0
    for await (const _ of opened.chunks()) course.on('chunk')()
    await opened.readRaw(0, 1).then(course.on('raw'))
    await opened.close().then(course.on('closed'))
    await received.write(0, EMPTY_BYTES).then(course.on('written'))
    await received.finish({ push: () => undefined, end: () => undefined }).then(course.on('finished'))
    await received.abort().then(course.on('aborted'))
    const told = ['chunk', 'chunk', 'raw', 'closed', 'written', 'finished', 'aborted']
    expect(course.events).toEqual(told.flatMap((event) => ['look', event]))
  })

  it('looks before it tells of a write that failed behind all backs', () => {
    const course = new Course()
    let fails: (error: unknown) => void = () => undefined
    const onFailure = (run: typeof fails): void => {
      fails = run
    }
    const raw = { onFailure } as unknown as LogStore
    storeThatLooks(raw, course.look).onFailure(course.on('failure'))
    fails(new Error('gone'))
    expect(course.events).toEqual(['look', 'failure'])
  })
})

it('whatever else is awaited looks first', async () => {
  const course = new Course()
  await awaited(course.look, Promise.resolve()).then(course.on('answer'))
  expect(course.events).toEqual(['look', 'answer'])
})
