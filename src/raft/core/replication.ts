import { invariant } from '../../invariant.js'
import { payloadsSize } from './log/entries.js'
import { MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { type Progress, ProgressState } from './tracker/progress.js'
import type { Entry, RaftId } from './types.js'

const NO_ENTRIES: readonly Entry[] = []

/**
 * Sends an append to a member, if flow control lets it. `sendIfEmpty`: also without entries, which still tells the commit
 * index and probes. True if something was sent.
 */
export function maybeSendAppend(raft: Raft, to: RaftId, sendIfEmpty: boolean): boolean {
  const progress = raft.tracker.progress.get(to)
  if (progress === undefined || progress.isPaused()) return false

  const prevIndex = progress.next - 1
  const prevTerm = raft.log.term(prevIndex)
  if (prevTerm === null) return maybeSendSnapshot(raft, to, progress)

  // A full window still gets an empty append: if everything in it was lost, its rejection is what starts the flow again.
  const throttled = progress.state === ProgressState.replicate && progress.inflights.full()
  const entries = throttled ? NO_ENTRIES : raft.log.entriesFrom(progress.next, raft.config.maxSizePerMsg)
  if (entries === null) return maybeSendSnapshot(raft, to, progress)
  if (entries.length === 0 && !sendIfEmpty) return false

  const m = message(MsgType.app, to)
  m.index = prevIndex
  m.logTerm = prevTerm
  m.entries = entries
  m.commit = raft.log.committed
  raft.send(m)
  progress.sentEntries(entries.length, payloadsSize(entries))
  progress.sentCommit(raft.log.committed)
  return true
}

export function sendAppend(raft: Raft, to: RaftId): void {
  maybeSendAppend(raft, to, true)
}

/** The entries that the member needs are compacted away: only a snapshot can help it. */
function maybeSendSnapshot(raft: Raft, to: RaftId, progress: Progress): boolean {
  // A snapshot to a member that is down would be made for nothing.
  if (!progress.recentActive) return false
  const snapshot = raft.log.snapshot()
  if (snapshot === null) {
    raft.config.logger.debug(`${raft.id} has no snapshot for ${to} yet`)
    return false
  }
  const { index } = snapshot.metadata
  invariant(index !== 0, 'the log is compacted and there is no snapshot')
  progress.becomeSnapshot(index)
  raft.config.logger.info(`${raft.id} sends a snapshot at ${index} to ${to} [${progress}]`)
  const m = message(MsgType.snap, to)
  m.snapshot = snapshot
  raft.send(m)
  return true
}

export function broadcastAppend(raft: Raft): void {
  raft.tracker.visit((id) => {
    if (id !== raft.id) sendAppend(raft, id)
  })
}

/** To every member, with the number of the last read that waits for confirmation. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext()
  raft.tracker.visit((id, progress) => {
    if (id === raft.id) return
    const m = message(MsgType.heartbeat, id)
    // Never beyond what the member is known to share with this log: behind that, it may hold other entries.
    m.commit = Math.min(progress.match, raft.log.committed)
    m.context = context
    raft.send(m)
    progress.sentCommit(m.commit)
  })
}
