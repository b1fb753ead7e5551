/** Membership changes, memberships and progress as text, as etcd's scenario files have them. */
import { type IdSet, idSet } from '../../src/raft/core/quorum/id-set.js'
import type { JointConfig } from '../../src/raft/core/quorum/joint.js'
import type { Config } from '../../src/raft/core/tracker/config.js'
import type { ProgressMap } from '../../src/raft/core/tracker/tracker.js'
import { type ConfChangeSingle, ConfChangeType } from '../../src/raft/core/types.js'

const TYPE_OF_LETTER: Readonly<Record<string, ConfChangeType>> = {
  v: ConfChangeType.addNode,
  l: ConfChangeType.addLearnerNode,
  r: ConfChangeType.removeNode,
  u: ConfChangeType.updateNode,
}
const LETTER_OF_TYPE = { 0: 'v', 1: 'r', 2: 'u', 3: 'l' } as const satisfies Record<ConfChangeType, string>

/** Reads `v1 l2 r3 u4`: make 1 a voter and 2 a learner, remove 3, update 4. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  return text.split(' ').filter(Boolean).map(parseOne)
}

function parseOne(token: string): ConfChangeSingle {
  if (token.length < 2) throw new Error(`unknown token ${token}`)
  const type = TYPE_OF_LETTER[token.charAt(0)]
  if (type === undefined) throw new Error(`unknown input: ${token}`)
  const nodeId = Number(token.slice(1))
  if (!/^\d+$/.test(token.slice(1)) || !Number.isSafeInteger(nodeId)) throw new Error(`not a member id: ${token}`)
  return { type, nodeId }
}

/** The inverse of `parseConfChanges`. */
export function printConfChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${LETTER_OF_TYPE[type]}${nodeId}`).join(' ')
}

/** `(1 2 3)`, in hexadecimal like every id in the scenario files. */
export function describeIds(set: IdSet): string {
  return `(${set.map((id) => id.toString(16)).join(' ')})`
}

/** `(1 2 3)` or, joint, `(1 2 3)&&(1 2 4)`: incoming first. */
export function describeJoint(config: JointConfig): string {
  const incoming = describeIds(config.incoming)
  return config.outgoing.length === 0 ? incoming : `${incoming}&&${describeIds(config.outgoing)}`
}

/** The text form of the scenario files: `voters=(1 2)&&(1) learners=(3) autoleave`. */
export function describeConfig(config: Config): string {
  const parts = [`voters=${describeJoint(config.voters)}`]
  if (config.learners.length > 0) parts.push(`learners=${describeIds(config.learners)}`)
  if (config.learnersNext.length > 0) parts.push(`learners_next=${describeIds(config.learnersNext)}`)
  if (config.autoLeave) parts.push('autoleave')
  return parts.join(' ')
}

/** One line per member in id order, as in the scenario files: `2: StateProbe match=0 next=1`. */
export function describeProgressMap(progress: ProgressMap): string {
  return idSet(progress.keys())
    .map((id) => `${id}: ${progress.get(id)}\n`)
    .join('')
}
