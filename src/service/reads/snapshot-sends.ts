/**
 * Snapshots on their way to an operator's client (`.snapshot`). What is sent is a file of this disk that no later snapshot
 * changes, so it does not matter for how long it is read or who leads meanwhile; and a reader that stands still has a few parts in
 * memory here, and a file that is kept open, until it is given up. Each part is read when its predecessors are nearly gone.
 */
import type { Clock, Timer } from '../../platform.js'
import type { SnapshotMetadata } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import type { SnapshotReader } from '../../raft/ports/store.js'
import {
  SNAPSHOT_PART_BYTES,
  SNAPSHOT_POLL_MS,
  SNAPSHOT_SENDS_MAX_COUNT,
  SNAPSHOT_STALLED_MS,
  SNAPSHOT_UNSENT_MAX_BYTES,
} from '../limits.js'
import type { Reader } from './listings.js'

export interface SnapshotOrder {
  begin(metadata: SnapshotMetadata, sizeBytes: number): void
  part(offset: number, bytes: Uint8Array): void
  end(parts: number): void
  /** The reader took nothing for so long that nobody believes in it any more. */
  givenUp(): void
}

interface Send {
  readonly order: SnapshotOrder
  /** Null while the snapshot is made. */
  file: SnapshotReader | null
  sent: number
  parts: number
  /** A part is being read. */
  isReading: boolean
  isOver: boolean
  waitedMs: number
  timer: Timer | null
}

export class SnapshotSends {
  readonly #underWay = new Map<Reader, Send>()
  #lastSentWallMs = 0

  constructor(
    private readonly clock: Clock,
    private readonly node: Pick<NodeApi, 'saveSnapshot'>,
  ) {}

  /**
   * When this process last sent a whole one; 0: never. That its reader has written it to a disk is the reader's to say, but who
   * has no backup at all, or none since Tuesday, sees it here.
   */
  get lastSentWallMs(): number {
    return this.#lastSentWallMs
  }

  /** Whether one more may begin, for this reader. */
  hasRoomFor(reader: Reader): boolean {
    return !this.#underWay.has(reader) && this.#underWay.size < SNAPSHOT_SENDS_MAX_COUNT
  }

  /** Called where a read was confirmed: what is sent has all that was applied by now. */
  begin(reader: Reader, order: SnapshotOrder): void {
    const send: Send = {
      ...{ order, file: null, sent: 0, parts: 0, isReading: false, isOver: false, waitedMs: 0, timer: null },
    }
    this.#underWay.set(reader, send)
    this.node.saveSnapshot((file) => {
      send.file = file
      if (send.isOver) {
        this.#close(send)
        return
      }
      order.begin(file.metadata, file.sizeBytes)
      this.#goOn(reader, send)
    })
  }

  /** The connection is closed. */
  forget(reader: Reader): void {
    const send = this.#underWay.get(reader)
    if (send !== undefined) this.#finish(reader, send)
  }

  clear(): void {
    for (const reader of [...this.#underWay.keys()]) this.forget(reader)
  }

  #goOn(reader: Reader, send: Send): void {
    if (reader.unsentBytes > SNAPSHOT_UNSENT_MAX_BYTES) this.#wait(reader, send)
    else if (send.file !== null) this.#sendPart(reader, send, send.file)
  }

  #wait(reader: Reader, send: Send): void {
    send.waitedMs += SNAPSHOT_POLL_MS
    if (send.waitedMs > SNAPSHOT_STALLED_MS) {
      send.order.givenUp()
      this.#finish(reader, send)
      return
    }
    send.timer = this.clock.after(SNAPSHOT_POLL_MS, () => this.#goOn(reader, send))
  }

  #sendPart(reader: Reader, send: Send, file: SnapshotReader): void {
    send.waitedMs = 0
    send.isReading = true
    file.readRaw(send.sent, SNAPSHOT_PART_BYTES).then(
      (bytes) => {
        send.isReading = false
        if (send.isOver) {
          this.#close(send)
          return
        }
        send.order.part(send.sent, bytes)
        send.sent += bytes.length
        send.parts += 1
        if (send.sent < file.sizeBytes) this.#goOn(reader, send)
        else {
          send.order.end(send.parts)
          this.#lastSentWallMs = this.clock.wallNow()
          this.#finish(reader, send)
        }
      },
      // The store has failed, and with it this node.
      () => undefined,
    )
  }

  #finish(reader: Reader, send: Send): void {
    this.#underWay.delete(reader)
    send.isOver = true
    send.timer?.cancel()
    if (!send.isReading) this.#close(send)
  }

  /** A file that cannot be closed has nothing left to lose: it was only read. */
  #close({ file }: Send): void {
    file?.close().catch(() => undefined)
  }
}
