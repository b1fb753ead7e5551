/** Bugs of log replication. */
import type { Mutant } from '../mutant.js'

const LOG = 'src/raft/core/log/raft-log.ts'
const LEADER = 'src/raft/core/step-leader.ts'
const PROGRESS = 'src/raft/core/tracker/progress.ts'
const BECOMES_PROBE = `  if (progress.state === ProgressState.replicate) progress.becomeProbe()
  sendAppend(raft, m.from)`

export const REPLICATION: readonly Mutant[] = [
  {
    id: 'M20',
    title:
      'an append truncates behind its first entry without a conflict: a late, shorter one removes acknowledged entries',
    rule: 'others',
    edits: [
      {
        file: LOG,
        find: 'const conflict = this.#findConflict(entries)',
        replace: 'const conflict = this.#findConflict(entries) ?? entries[0]?.index ?? null',
      },
    ],
  },
  {
    id: 'M22',
    title: "the leader's commit index is taken over beyond the entries that it vouches for",
    rule: 'others',
    edits: [
      {
        file: LOG,
        find: 'this.commitTo(Math.min(leaderCommit, lastNew))',
        replace: 'this.commitTo(Math.min(leaderCommit, this.lastIndex()))',
      },
    ],
  },
  {
    id: 'M24',
    title: 'a rejection counts as an acknowledgement up to its hint',
    rule: 'others',
    edits: [
      {
        file: LEADER,
        find: '  if (!progress.maybeDecrTo(m.index, hint)) return',
        replace: `  progress.maybeUpdate(hint)
  raft.maybeCommit()
  if (!progress.maybeDecrTo(m.index, hint)) return`,
      },
    ],
  },
  {
    id: 'M25',
    title: 'a stale rejection sends a follower that replicates back below what it has acknowledged',
    rule: 'others',
    edits: [
      { file: PROGRESS, find: 'if (rejected <= this.match) return false', replace: '' },
      {
        file: LEADER,
        find: BECOMES_PROBE,
        replace: `  if (progress.state === ProgressState.replicate) {
    progress.becomeProbe()
    progress.next = Math.max(1, Math.min(m.index, hint + 1))
  }
  sendAppend(raft, m.from)`,
      },
    ],
  },
  {
    id: 'M26',
    title: "the hint of a rejection is always the follower's last index: back by one entry a probe",
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/step-follower.ts',
        find: 'const hint = log.findConflictByTerm(Math.min(m.index, log.lastIndex()), m.logTerm)',
        replace: 'const hint = { index: log.lastIndex(), term: 0 }',
      },
    ],
  },
  {
    id: 'M27',
    title: 'a heartbeat answer sends probing back to the end of the log',
    rule: 'others',
    edits: [
      {
        file: LEADER,
        find: '  progress.msgAppFlowPaused = false',
        replace: `  progress.msgAppFlowPaused = false
  if (progress.state === ProgressState.probe) progress.next = raft.log.lastIndex() + 1`,
      },
    ],
  },
  {
    id: 'M29',
    title: 'to a follower with a full window nothing is sent, not even an empty append: a lost window stalls for ever',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/replication.ts',
        find: 'const entries = throttled ? NO_ENTRIES : raft.log',
        replace: `if (throttled) return false
  const entries = raft.log`,
      },
    ],
  },
  {
    id: 'M30',
    title: 'a follower that has everything stays in state probe',
    rule: 'others',
    edits: [
      {
        file: LEADER,
        find: 'const isNews = progress.maybeUpdate(m.index) || (progress.match === m.index && state === ProgressState.probe)',
        replace: 'const isNews = progress.maybeUpdate(m.index)',
      },
    ],
  },
  {
    id: 'M31',
    title: 'state snapshot is left only when the pending snapshot is reached, not by an older one that joins the log',
    rule: 'others',
    edits: [
      {
        file: LEADER,
        find: '} else if (progress.match + 1 >= raft.log.firstIndex()) {',
        replace: '} else if (progress.match >= progress.pendingSnapshot) {',
      },
    ],
  },
  {
    id: 'M32',
    title: 'acknowledgements of an earlier term still count',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/step.ts',
        find: '} else if (m.term !== 0 && m.term < raft.term) {',
        replace: '} else if (m.term !== 0 && m.term < raft.term && (m.type !== MsgType.appResp || m.reject)) {',
      },
    ],
  },
  {
    id: 'M33',
    title: 'a request whose entry was under way when the leader changed is answered as refused, and commits later',
    rule: 'others',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: '      this.#await(attachment)\n      this.#repeat(attachment)\n',
        replace:
          "      this.#await(attachment)\n      if (attachment.kind !== 'classic' || attachment.opening === null) this.#repeat(attachment)\n      else attachment.listener?.answered(-1, { kind: 'not-granted', name: '', reason: 'held', holder: '' })\n",
      },
    ],
  },
]
