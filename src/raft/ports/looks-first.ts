/**
 * Rule 7 as a property of the sources of events. A process may have been stopped, or its machine asleep, between any two
 * events; so whatever wakes it, the clock is looked at before anything else happens. Not whoever handles an event does so,
 * but the source: a timer, a frame of a peer, a disk that has answered. Whatever is built on a source of this type cannot
 * forget it, and what needs such a source does not accept another.
 *
 * Example: a node sleeps for a minute while a lock is held at it, and wakes because a peer's frame arrives. The frame says
 * that somebody else has the lock now. The look closes the connection of the old holder before the frame is read.
 */
import type { Clock, Timer } from '../../platform.js'
import type { LogStore, Seed, SnapshotReader, SnapshotReceiver } from './store.js'
import type { Transport, TransportHandlers } from './transport.js'

declare const looksFirst: unique symbol

/** Every callback and every promise of it begins with a look at the clock. Made by the functions of this file alone. */
export type LooksFirst<T> = T & { readonly [looksFirst]: true }

/** Reads the clock and acts on it. Must not throw. */
export type Look = () => void

const branded = <T>(source: T): LooksFirst<T> => source as LooksFirst<T>

export function clockThatLooks(clock: Clock, look: Look): LooksFirst<Clock> {
  return branded<Clock>({
    speakerNow: () => clock.speakerNow(),
    takerNow: () => clock.takerNow(),
    wallNow: () => clock.wallNow(),
    after: (delayMs, run) => timerThatLooks(clock, look, delayMs, run),
    soon: (run) =>
      clock.soon(() => {
        look()
        run()
      }),
  })
}

/** The look may cancel the very timer that has fired: then it has not. */
function timerThatLooks(clock: Clock, look: Look, delayMs: number, run: () => void): Timer {
  let isCancelled = false
  const timer = clock.after(delayMs, () => {
    look()
    if (!isCancelled) run()
  })
  return {
    cancel: () => {
      isCancelled = true
      timer.cancel()
    },
  }
}

export function transportThatLooks(transport: Transport, look: Look): LooksFirst<Transport> {
  return branded<Transport>({
    start: (handlers) => awaited(look, transport.start(handlersThatLook(handlers, look))),
    setPeers: (peers) => transport.setPeers(peers),
    send: (to, lane, kind, parts) => transport.send(to, lane, kind, parts),
    isUp: (nodeId) => transport.isUp(nodeId),
    wasDialled: (nodeId) => transport.wasDialled(nodeId),
    bulkBacklogBytes: (to) => transport.bulkBacklogBytes(to),
    close: () => awaited(look, transport.close()),
  })
}

function handlersThatLook(handlers: TransportHandlers, look: Look): TransportHandlers {
  const first =
    <A extends unknown[], R>(handle: (...args: A) => R) =>
    (...args: A): R => {
      look()
      return handle(...args)
    }
  return {
    hello: first(() => handlers.hello()),
    judge: first((hello, wasDialled) => handlers.judge(hello, wasDialled)),
    onRefused: first((refusal, by) => handlers.onRefused(refusal, by)),
    onFrame: first((from, kind, payload) => handlers.onFrame(from, kind, payload)),
    onUp: first((peer) => handlers.onUp(peer)),
    onDown: first((nodeId, reason) => handlers.onDown(nodeId, reason)),
  }
}

export function storeThatLooks(store: LogStore, look: Look): LooksFirst<LogStore> {
  const first = <T>(answer: Promise<T>): Promise<T> => awaited(look, answer)
  return branded<LogStore>({
    get loaded() {
      return store.loaded
    },
    seed: store.seed === null ? null : seedThatLooks(store.seed, look),
    forgetLoaded: () => store.forgetLoaded(),
    onFailure: (run) =>
      store.onFailure((error) => {
        look()
        run(error)
      }),
    append: (batch) => first(store.append(batch)),
    writeIdentity: (identity) => first(store.writeIdentity(identity)),
    putRecord: (key, value) => first(store.putRecord(key, value)),
    getRecord: (key) => first(store.getRecord(key)),
    saveSnapshot: (metadata, source) => first(store.saveSnapshot(metadata, source)),
    openSnapshot: async (index, term) => readerThatLooks(await first(store.openSnapshot(index, term)), look),
    receiveSnapshot: async (metadata, sizeBytes) =>
      receiverThatLooks(await first(store.receiveSnapshot(metadata, sizeBytes)), look),
    installSnapshot: (metadata, hardState) => first(store.installSnapshot(metadata, hardState)),
    compact: (index) => first(store.compact(index)),
    raiseLevel: (level) => first(store.raiseLevel(level)),
    close: () => first(store.close()),
  })
}

function seedThatLooks(seed: Seed, look: Look): Seed {
  return {
    ...seed,
    open: async () => readerThatLooks(await awaited(look, seed.open()), look),
    forget: () => awaited(look, seed.forget()),
  }
}

function readerThatLooks(reader: SnapshotReader, look: Look): SnapshotReader {
  return {
    metadata: reader.metadata,
    sizeBytes: reader.sizeBytes,
    readRaw: (offset, maxBytes) => awaited(look, reader.readRaw(offset, maxBytes)),
    async *chunks() {
      for await (const chunk of reader.chunks()) {
        look()
        yield chunk
      }
    },
    close: () => awaited(look, reader.close()),
  }
}

function receiverThatLooks(receiver: SnapshotReceiver, look: Look): SnapshotReceiver {
  return {
    write: (offset, bytes) => awaited(look, receiver.write(offset, bytes)),
    finish: (reader) => awaited(look, receiver.finish(reader)),
    abort: () => awaited(look, receiver.abort()),
  }
}

/** Whatever else is waited for: a record on disk, an answer from the network. */
export function awaited<T>(look: Look, answer: Promise<T>): Promise<T> {
  return answer.then(
    (value) => {
      look()
      return value
    },
    (error: unknown) => {
      look()
      throw error
    },
  )
}
