/** `tnl snapshot inspect`: what a saved snapshot holds, after all of it was read and verified. */
import type { LockState } from '../../locks/state/state.js'
import { say } from '../shared/say.js'
import { formatTable } from '../shared/table.js'
import { type SavedSnapshot, withSaved } from './saved-file.js'

export async function inspectSnapshot(path: string, asJson: boolean): Promise<void> {
  const report = await withSaved(path, async (saved) => reportOf(path, saved))
  say(asJson, tableOf(report), report)
}

function reportOf(file: string, { about, seal, sizeBytes, metadata, state }: SavedSnapshot) {
  return {
    file,
    sha256: seal,
    bytes: sizeBytes,
    saved: about.savedUnixMs / 1000,
    from: about.from,
    version: about.version,
    cluster: state.clusterId,
    level: state.level,
    lease: state.nodeLeaseMs / 1000,
    index: metadata.index,
    term: metadata.term,
    // No token, session id or request number above it was given when this was saved.
    highestToken: state.counter,
    members: [...state.members.values()].map(({ nodeId, raftId, peerAddress }) => ({
      node: nodeId,
      raftId,
      peer: peerAddress,
      role: metadata.confState.voters.includes(raftId) ? 'voter' : 'learner',
    })),
    ...countsOf(state),
  }
}

function countsOf(state: LockState) {
  const { sessions, holds, tailCount, placeCount, marks, freezes, pins, history } = state
  return {
    holds: holds.size - tailCount,
    tails: tailCount,
    waiting: placeCount,
    sessions: sessions.size,
    marks: marks.size,
    freezes: [...freezes.values()].map(({ prefix, reason, untilWallMs }) => ({
      prefix,
      reason,
      until: untilWallMs === 0 ? null : untilWallMs / 1000,
    })),
    pins: pins.size,
    history: history.size,
  }
}

type Report = ReturnType<typeof reportOf>

function tableOf(report: Report): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ['file', report.file],
    ['size', `${report.bytes} bytes`],
    ['SHA-256', report.sha256],
    ['saved', `${new Date(report.saved * 1000).toISOString()} from ${report.from} by tnl ${report.version}`],
    ['cluster', report.cluster],
    ['feature level', report.level],
    ['lease', `${report.lease} s`],
    ['index, term', `${report.index}, ${report.term}`],
    ['highest token', report.highestToken],
    ['members', report.members.map(({ node, role, peer }) => `${node} (${role}, ${peer})`).join(' ')],
    ['holds', `${report.holds}, and ${report.tails} tails`],
    ['waiting', report.waiting],
    ['sessions', report.sessions],
    ['done-marks', report.marks],
    ['freezes', report.freezes.map(({ prefix }) => `'${prefix}'`).join(' ') || 'none'],
    ['pinned limits', report.pins],
    ['history', report.history],
  ]
  return formatTable(rows.map(([name, value]) => [name, String(value)]))
}
