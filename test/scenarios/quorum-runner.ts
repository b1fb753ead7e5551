/**
 * Runs scenario files of quorum decisions: `committed cfg=(1,2,3) [cfgj=(2,3,4)|cfgj=zero] idx=(100,_,5)` and
 * `vote cfg=(1,2) votes=(y,_)`. Each case is also computed in other ways that must agree; where one does not, a line
 * that begins with its answer and `<-- via` makes the case fail.
 */
import { idSet } from '../../src/raft/core/quorum/id-set.js'
import { type JointConfig, jointCommittedIndex, jointIds, jointVoteResult } from '../../src/raft/core/quorum/joint.js'
import { committedIndex, type VoteResult, voteResult } from '../../src/raft/core/quorum/majority.js'
import type { Index, RaftId } from '../../src/raft/core/types.js'
import { type Directive, findArg, parseInteger, type RunResult, runFile } from './datadriven.js'

const VOTE_RESULT_NAMES = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' } as const

export function run(path: string): RunResult {
  return runFile(path, (directive) => {
    switch (directive.cmd) {
      case 'committed':
        return committed(directive)
      case 'vote':
        return vote(directive)
      default:
        throw new Error(`unknown command ${directive.cmd}`)
    }
  })
}

function committed(directive: Directive): string {
  const config = readConfig(directive)
  const acked = readValues(directive, 'idx', parseInteger)
  const index = jointCommittedIndex(config, (id) => acked.get(id))
  const answers = config.isJoint ? jointSelfChecks(config, acked) : majoritySelfChecks(config.incoming, acked)
  const deviations = answers.filter(([answer]) => answer !== index)
  return [
    describeCommitted(jointIds(config), acked),
    ...deviations.map(([answer, via]) => `${describeIndex(answer)} <-- ${via}\n`),
    `${describeIndex(index)}\n`,
  ].join('')
}

type SelfCheck = readonly [answer: Index, via: string]

function jointSelfChecks({ incoming, outgoing }: JointConfig, acked: ReadonlyMap<RaftId, Index>): SelfCheck[] {
  return [[jointCommittedIndex({ incoming: outgoing, outgoing: incoming }, (id) => acked.get(id)), 'via symmetry']]
}

function majoritySelfChecks(voters: readonly RaftId[], acked: ReadonlyMap<RaftId, Index>): SelfCheck[] {
  const indexOf = (id: RaftId) => acked.get(id)
  const index = committedIndex(voters, indexOf)
  const checks: SelfCheck[] = [
    [index, 'via majority quorum'],
    [naiveCommittedIndex(voters, acked), 'via alternative computation'],
    [jointCommittedIndex({ incoming: voters, outgoing: [] }, indexOf), 'via zero-joint quorum'],
    [jointCommittedIndex({ incoming: voters, outgoing: voters }, indexOf), 'via self-joint quorum'],
  ]
  for (const voter of voters) {
    const own = acked.get(voter) ?? 0
    if (own === 0 || own >= index) continue
    // This voter's index is below the committed one, so it did not decide: lowering it further changes nothing.
    for (const lower of [own - 1, 0]) {
      const lowered = new Map(acked).set(voter, lower)
      checks.push([committedIndex(voters, (id) => lowered.get(id)), `via overlaying ${voter}->${lower}`])
    }
  }
  return checks
}

/** The definition, in place of the algorithm: the highest acknowledged index that enough voters have reached. */
export function naiveCommittedIndex(voters: readonly RaftId[], acked: ReadonlyMap<RaftId, Index>): Index {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  const reached = (index: Index) => voters.filter((id) => (acked.get(id) ?? 0) >= index).length
  const candidates = voters.map((id) => acked.get(id) ?? 0)
  return Math.max(0, ...candidates.filter((index) => reached(index) * 2 > voters.length))
}

function vote(directive: Directive): string {
  const config = readConfig(directive)
  const votes = readValues(directive, 'votes', parseVote)
  const { incoming, outgoing } = config
  const result: VoteResult = config.isJoint ? jointVoteResult(config, votes) : voteResult(incoming, votes)
  const others: [VoteResult, string][] = config.isJoint
    ? [[jointVoteResult({ incoming: outgoing, outgoing: incoming }, votes), 'via symmetry']]
    : [[jointVoteResult({ incoming, outgoing: incoming }, votes), 'via self-joint quorum']]
  const deviations = others.filter(([answer]) => answer !== result)
  return [
    ...deviations.map(([answer, via]) => `${VOTE_RESULT_NAMES[answer]} <-- ${via}\n`),
    `${VOTE_RESULT_NAMES[result]}\n`,
  ].join('')
}

// ----------------------------------------------------------------------------------------------- reading

interface CaseConfig extends JointConfig {
  /** `cfgj=zero` asks for a joint configuration whose other half is empty. */
  readonly isJoint: boolean
}

function readConfig(directive: Directive): CaseConfig {
  const joint = findArg(directive, 'cfgj')?.vals
  const outgoing = joint === undefined || joint[0] === 'zero' ? [] : joint.map(parseInteger)
  return { incoming: idSet(idsInOrder(directive, 'cfg')), outgoing: idSet(outgoing), isJoint: joint !== undefined }
}

function idsInOrder(directive: Directive, key: string): RaftId[] {
  const vals = findArg(directive, key)?.vals ?? []
  return vals[0] === 'zero' ? [] : vals.map(parseInteger)
}

/** Values are listed for the ids of cfg and then for those that only cfgj has; `_` stands for "never reported". */
function readValues<T>(directive: Directive, key: string, parseValue: (text: string) => T): Map<RaftId, T> {
  const ids = [...new Set([...idsInOrder(directive, 'cfg'), ...idsInOrder(directive, 'cfgj')])]
  const texts = findArg(directive, key)?.vals ?? []
  if (texts.length !== ids.length) throw new Error(`${texts.length} values in ${key} for ${ids.length} voters`)
  const values = new Map<RaftId, T>()
  ids.forEach((id, i) => {
    const text = texts[i] as string
    if (text !== '_') values.set(id, parseValue(text))
  })
  return values
}

function parseVote(text: string): boolean {
  if (text !== 'y' && text !== 'n') throw new Error(`unknown vote ${text}`)
  return text === 'y'
}

// ---------------------------------------------------------------------------------------------- printing

/** A bar chart: the longer a voter's bar, the more voters are behind it. */
function describeCommitted(voters: readonly RaftId[], acked: ReadonlyMap<RaftId, Index>): string {
  if (voters.length === 0) return '<empty majority quorum>'
  const width = voters.length
  const lines = voters.map((id) => {
    const index = acked.get(id)
    const behind = voters.filter((other) => (acked.get(other) ?? 0) < (index ?? 0)).length
    const bar = index === undefined ? `?${' '.repeat(width)}` : `${'x'.repeat(behind)}>${' '.repeat(width - behind)}`
    return `${bar} ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`
  })
  return `${' '.repeat(width)}    idx\n${lines.join('')}`
}

function describeIndex(index: Index): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index)
}
