import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idSet, withId, withoutId } from '../../../src/raft/core/quorum/id-set.js'
import { isVoter, jointCommittedIndex, jointIds, jointVoteResult } from '../../../src/raft/core/quorum/joint.js'
import { committedIndex, voteResult } from '../../../src/raft/core/quorum/majority.js'
import type { Index, RaftId } from '../../../src/raft/core/types.js'
import { etcdFiles } from '../../scenarios/etcd-files.js'
import { describeIds, describeJoint } from '../../scenarios/notation.js'
import { naiveCommittedIndex, run } from '../../scenarios/quorum-runner.js'

const id = fc.integer({ min: 1, max: 14 })
const voters = fc.array(id, { maxLength: 9 }).map(idSet)
const acked = fc.array(fc.tuple(id, fc.nat({ max: 12 }))).map((pairs) => new Map<RaftId, Index>(pairs))
const votes = fc.array(fc.tuple(id, fc.boolean())).map((pairs) => new Map<RaftId, boolean>(pairs))
const lookup = (map: ReadonlyMap<RaftId, Index>) => (voter: RaftId) => map.get(voter)

describe('sets of ids', () => {
  it('are sorted and without repetition whatever they are made of', () => {
    expect(idSet([10, 9, 10, 2])).toEqual([2, 9, 10])
    expect(withId([2, 9], 10)).toEqual([2, 9, 10])
    expect(withId([2, 10], 9)).toEqual([2, 9, 10])
    expect(withId([2], 2)).toEqual([2])
    expect(withoutId([2, 9, 10], 9)).toEqual([2, 10])
    expect(withoutId([2], 3)).toEqual([2])
  })

  it('print in hexadecimal', () => {
    expect(describeIds([1, 10, 255])).toBe('(1 a ff)')
    expect(describeJoint({ incoming: [1], outgoing: [] })).toBe('(1)')
    expect(describeJoint({ incoming: [1, 2], outgoing: [2, 3] })).toBe('(1 2)&&(2 3)')
  })

  it('of a joint configuration contain the voters of both halves', () => {
    const config = { incoming: [1, 4], outgoing: [1, 2] }
    expect(jointIds(config)).toEqual([1, 2, 4])
    expect([1, 2, 3, 4].filter((voter) => isVoter(config, voter))).toEqual([1, 2, 4])
  })
})

describe('committed index of a majority', () => {
  it('equals the definition, for small and for large configurations', () => {
    fc.assert(
      fc.property(voters, acked, (config, map) => {
        expect(committedIndex(config, lookup(map))).toBe(naiveCommittedIndex(config, map))
      }),
      { numRuns: 5000 },
    )
  })

  it('does not depend on what an earlier call left behind', () => {
    expect(committedIndex([1, 2, 3, 4, 5, 6, 7], () => 1000)).toBe(1000)
    expect(committedIndex([1, 2, 3], (voter) => voter)).toBe(2)
    expect(committedIndex([1, 2, 3], () => undefined)).toBe(0)
  })

  it('never goes down when a voter acknowledges more', () => {
    fc.assert(
      fc.property(voters, acked, id, fc.nat({ max: 12 }), (config, map, voter, more) => {
        const later = new Map(map).set(voter, Math.max(map.get(voter) ?? 0, more))
        expect(committedIndex(config, lookup(later))).toBeGreaterThanOrEqual(committedIndex(config, lookup(map)))
      }),
    )
  })

  it('of no voters is infinite, and so does not hold back the other half', () => {
    expect(committedIndex([], () => undefined)).toBe(Number.POSITIVE_INFINITY)
    expect(jointCommittedIndex({ incoming: [1], outgoing: [] }, () => 7)).toBe(7)
  })
})

describe('committed index of a joint configuration', () => {
  it('is symmetric, and never beyond what either half has committed', () => {
    fc.assert(
      fc.property(voters, voters, acked, (incoming, outgoing, map) => {
        const index = jointCommittedIndex({ incoming, outgoing }, lookup(map))
        expect(jointCommittedIndex({ incoming: outgoing, outgoing: incoming }, lookup(map))).toBe(index)
        expect(index).toBe(Math.min(naiveCommittedIndex(incoming, map), naiveCommittedIndex(outgoing, map)))
      }),
    )
  })
})

describe('vote result', () => {
  it('is decided exactly when no missing vote can change it', () => {
    fc.assert(
      fc.property(voters, votes, (config, cast) => {
        const missing = config.filter((voter) => !cast.has(voter))
        const withMissing = (granted: boolean) =>
          new Map([...cast, ...missing.map((voter) => [voter, granted] as const)])
        const best = voteResult(config, withMissing(true))
        const worst = voteResult(config, withMissing(false))
        expect(best).not.toBe('pending')
        expect(worst).not.toBe('pending')
        expect(voteResult(config, cast)).toBe(best === worst ? best : 'pending')
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    [[], [], 'won'],
    [[1, 2], [1], 'pending'],
    [[1, 2, 3], [1, 2], 'won'],
    [[1, 2, 3, 4], [1, 2], 'pending'],
    [[1, 2, 3, 4], [1, 2, 3], 'won'],
    [[1, 2, 3], [7, 8, 9], 'pending'],
  ] as const)('of %j with %j in favour is %s', (config, inFavour, result) => {
    expect(voteResult(config, new Map(inFavour.map((voter) => [voter, true])))).toBe(result)
  })

  it.each([
    [[1, 2, 3, 4], [1, 2], 'lost'],
    [[1, 2, 3], [1], 'pending'],
    [[1, 2, 3], [1, 3], 'lost'],
  ] as const)('of %j with %j against is %s', (config, against, result) => {
    expect(voteResult(config, new Map(against.map((voter) => [voter, false])))).toBe(result)
  })

  it('of a joint configuration needs both halves to win, and one to lose', () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        const halves = [voteResult(incoming, cast), voteResult(outgoing, cast)]
        const expected = halves.includes('lost') ? 'lost' : halves.includes('pending') ? 'pending' : 'won'
        expect(jointVoteResult({ incoming, outgoing }, cast)).toBe(expected)
        expect(jointVoteResult({ incoming: outgoing, outgoing: incoming }, cast)).toBe(expected)
      }),
    )
  })
})

const files = etcdFiles('quorum')
describe.skipIf(files.length === 0)(
  'scenario files of etcd: quorum (skipped when ETCD_RAFT_TESTDATA is not there)',
  () => {
    const casesPerFile: Record<string, number> = {
      'joint_commit.txt': 50,
      'joint_vote.txt': 39,
      'majority_commit.txt': 16,
      'majority_vote.txt': 22,
    }

    it.each(files)('%s', (path) => {
      const { name, passed, failed } = run(path)
      expect(failed).toEqual([])
      expect(passed).toBe(casesPerFile[name])
    })
  },
)
