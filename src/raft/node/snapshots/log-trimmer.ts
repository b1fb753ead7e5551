import type { MemoryStorage } from '../../core/log/memory-storage.js'
import type { RawNode } from '../../core/raw-node.js'
import { type Progress, ProgressState } from '../../core/tracker/progress.js'
import { EMPTY_BYTES, type Index, type SnapshotMetadata } from '../../core/types.js'
import type { LogStore } from '../../ports/store.js'
import type { Bounds } from '../bounds.js'

export interface LogTrimmerDeps {
  readonly raw: RawNode
  readonly window: MemoryStorage
  readonly store: LogStore
  readonly bounds: Pick<Bounds, 'trailingEntries' | 'trailingBytes' | 'heldEntries' | 'heldBytes'>
  onError(error: unknown): void
}

/**
 * Cuts the log below a durable snapshot. Some of it stays for slow followers, and what a member that follows still needs
 * stays longer, within bounds. Worked example: a snapshot of entry 5,000 is on its way and takes a minute, in which
 * snapshots of 6,000 and 7,000 become durable here. The log from 5,001 on is kept: cut to 7,000, it would make the receiver
 * wait for another snapshot, and under a steady load for another one after that, forever.
 */
export class LogTrimmer {
  /** Something is kept for a member, and may be cut later. */
  #isHeld = false

  constructor(private readonly deps: LogTrimmerDeps) {}

  /** A snapshot of this log is durable; only now the log may be cut (mutant M42). */
  snapshotDurable(metadata: SnapshotMetadata): void {
    const { window } = this.deps
    if (metadata.index <= window.snapshot().metadata.index) return
    window.createSnapshot(metadata.index, metadata.confState, EMPTY_BYTES)
    this.#trim()
  }

  /** For whom something was kept may have it by now, or be gone. */
  tick(): void {
    if (this.#isHeld) this.#trim()
  }

  #trim(): void {
    const { window, store, bounds, onError } = this.deps
    const { index } = window.snapshot().metadata
    const wanted = window.trailingStart(index, bounds.trailingEntries, bounds.trailingBytes)
    const upTo = Math.min(wanted, this.#neededAfter())
    this.#isHeld = upTo < wanted
    if (upTo < window.firstIndex()) return
    window.compact(upTo)
    store.compact(upTo).catch(onError)
  }

  /** The lowest index that a member has which can still be helped with the log; what lies behind it is for it. */
  #neededAfter(): Index {
    const { raw, window, bounds } = this.deps
    const entries = window.lastIndex() - window.firstIndex() + 1
    if (entries > bounds.heldEntries || window.bytes > bounds.heldBytes) return Number.POSITIVE_INFINITY
    const status = raw.status()
    let needed = Number.POSITIVE_INFINITY
    for (const [id, progress] of status.progress) {
      const has = lastOf(progress)
      if (id !== status.id && progress.recentActive && has >= window.firstIndex() - 1) needed = Math.min(needed, has)
    }
    return needed
  }
}

/** What the member has, or will have when what is on its way has arrived. */
function lastOf({ state, match, next, pendingSnapshot }: Progress): Index {
  if (state === ProgressState.snapshot) return Math.max(match, pendingSnapshot)
  return state === ProgressState.probe ? next - 1 : match
}
