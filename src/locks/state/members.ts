/** The members of the cluster: the Raft configuration with the names and places that it does not know. */

import { ByteReader } from '../../bytes/reader.js'
import { ByteWriter } from '../../bytes/writer.js'
import type { ConfState } from '../../raft/core/types.js'
import type { ClaimMember, NodeId } from '../commands/commands.js'
import type { ApplyContext } from './state.js'

/** Travels with a membership change: who the members are that it adds or moves. */
export interface MemberInfo {
  readonly raftId: number
  readonly nodeId: NodeId
  readonly peerAddress: string
}

const CONTEXT_VERSION = 1

export function encodeMemberContext(infos: readonly MemberInfo[]): Uint8Array {
  const out = new ByteWriter()
  out.byte(CONTEXT_VERSION)
  out.varint(infos.length)
  for (const info of infos) {
    out.varint(info.raftId)
    out.text(info.nodeId)
    out.text(info.peerAddress)
  }
  return out.copy()
}

/** Nothing at all is a context too: leaving a joint configuration has no more to say. Throws FormatError. */
export function decodeMemberContext(context: Uint8Array): MemberInfo[] {
  if (context.length === 0) return []
  const input = new ByteReader(context, 'membership context')
  input.version(CONTEXT_VERSION)
  const infos: MemberInfo[] = []
  for (let left = input.varint(); left > 0; left--) {
    infos.push({ raftId: input.varint(), nodeId: input.text(), peerAddress: input.text() })
  }
  input.end()
  return infos
}

/**
 * Follows the configuration in force: who is in no part of it is gone, and a newcomer is known by the change's context.
 * A node id that comes back with another Raft id is another member, unclaimed.
 */
export function followConfiguration(context: ApplyContext, confState: ConfState, infos: readonly MemberInfo[]): void {
  const { members } = context.state
  const { voters, learners, votersOutgoing, learnersNext } = confState
  const present = new Set([...voters, ...learners, ...votersOutgoing, ...learnersNext])
  let changed = false
  for (const info of infos) {
    if (!present.has(info.raftId)) continue
    const known = members.get(info.raftId)
    if (known?.nodeId === info.nodeId && known.peerAddress === info.peerAddress) continue
    members.set(info.raftId, { ...info, memberUid: known?.nodeId === info.nodeId ? known.memberUid : null })
    changed = true
  }
  for (const raftId of members.keys()) {
    if (present.has(raftId)) continue
    members.delete(raftId)
    changed = true
  }
  if (changed) context.effects.push({ kind: 'membersChanged' })
}

/** A node that starts says where its peer port is now; a membership change said it once. */
export function moveMember(context: ApplyContext, nodeId: NodeId, peerAddress: string): void {
  if (peerAddress === '') return
  const { members } = context.state
  for (const member of members.values()) {
    if (member.nodeId !== nodeId || member.peerAddress === peerAddress) continue
    members.set(member.raftId, { ...member, peerAddress })
    context.effects.push({ kind: 'membersChanged' })
  }
}

/** The first claim wins; another directory that says the same Raft id is a wiped or a copied one (mutant M40). */
export function claimMember(context: ApplyContext, command: ClaimMember): void {
  const { members } = context.state
  const member = members.get(command.raftId)
  if (member === undefined || member.memberUid !== null || command.memberUid === '') return
  members.set(command.raftId, { ...member, memberUid: command.memberUid })
  context.effects.push({ kind: 'membersChanged' })
}
