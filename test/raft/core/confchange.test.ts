import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Changer, ConfChangeError, checkMembership } from '../../../src/raft/core/confchange/changer.js'
import { decodeConfChange, encodeConfChange } from '../../../src/raft/core/confchange/codec.js'
import { enterJoint, LEAVE_JOINT, leaveJoint } from '../../../src/raft/core/confchange/conf-change.js'
import { restore } from '../../../src/raft/core/confchange/restore.js'
import { EMPTY_CONFIG, toConfState } from '../../../src/raft/core/tracker/config.js'
import { EMPTY_MEMBERSHIP, type Membership } from '../../../src/raft/core/tracker/tracker.js'
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EntryType,
} from '../../../src/raft/core/types.js'
import { run } from '../../scenarios/confchange-runner.js'
import { etcdFiles } from '../../scenarios/etcd-files.js'
import { describeProgressMap, parseConfChanges, printConfChanges } from '../../scenarios/notation.js'

const LIMITS = { maxInflight: 10, maxInflightBytes: 0 }
const LAST_INDEX = 10
const changer = (membership: Membership) => new Changer(membership, LIMITS, LAST_INDEX)
const describeMembership = ({ config, progress }: Membership) => ({ config, progress: describeProgressMap(progress) })

function oneByOne(start: Membership, changes: readonly ConfChangeSingle[]): Membership {
  return changes.reduce((membership, change) => changer(membership).simple([change]), start)
}

const changeType = fc.constantFrom(...Object.values(ConfChangeType))
const change = fc.record({ type: changeType, nodeId: fc.integer({ min: 2, max: 10 }) })
const changes = fc.array(change, { minLength: 1, maxLength: 10 })
/** Member 1 is a voter for good, so that no run of changes can remove all voters. */
const initial = fc
  .array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 })
  .map((ids) => oneByOne(EMPTY_MEMBERSHIP, parseConfChanges(['v1', ...ids.map((id) => `v${id}`)].join(' '))))

describe('membership changes', () => {
  it('end in the same membership one by one and through a joint configuration', () => {
    fc.assert(
      fc.property(initial, changes, (start, list) => {
        const simple = oneByOne(start, list)
        for (const autoLeave of [false, true]) {
          const joint = changer(start).enterJoint(autoLeave, list)
          expect(joint.config.autoLeave).toBe(autoLeave)
          expect(describeMembership(changer(joint).leaveJoint())).toEqual(describeMembership(simple))
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('leave the membership they start from as it was, also when they are refused', () => {
    fc.assert(
      fc.property(initial, changes, (start, list) => {
        const before = describeMembership(start)
        const joint = changer(start).enterJoint(true, list)
        const jointBefore = describeMembership(joint)
        changer(joint).leaveJoint()
        expect(() => changer(joint).simple(list)).toThrow(ConfChangeError)
        expect(() => changer(start).simple(parseConfChanges('r1 r2 r3 r4 r5'))).toThrow(ConfChangeError)
        expect(describeMembership(start)).toEqual(before)
        expect(describeMembership(joint)).toEqual(jointBefore)
      }),
    )
  })

  it('keep the progress of members that stay, even of one that is demoted', () => {
    const start = oneByOne(EMPTY_MEMBERSHIP, parseConfChanges('v1 v2 v3'))
    start.progress.get(3)?.maybeUpdate(8)
    const joint = changer(start).enterJoint(true, parseConfChanges('l3 v4'))
    expect(joint.progress.get(1)).toBe(start.progress.get(1))
    const done = changer(joint).leaveJoint()
    expect(done.progress.get(3)).toMatchObject({ match: 8, isLearner: true })
  })

  it('of an unknown type are refused', () => {
    const unknown = { type: 9 as ConfChangeType, nodeId: 2 }
    expect(() => changer(EMPTY_MEMBERSHIP).simple([unknown])).toThrow('unexpected conf type 9')
  })
})

describe('a membership is refused', () => {
  const { progress } = oneByOne(EMPTY_MEMBERSHIP, parseConfChanges('v1 v2 l3'))
  const voters = { incoming: [1, 2], outgoing: [] }

  it.each([
    ['without progress for a member', { voters: { incoming: [1, 7], outgoing: [] } }, 'no progress for 7'],
    [
      'with a learner that votes',
      { voters: { incoming: [1, 2, 3], outgoing: [] }, learners: [3] },
      'both learner and voter',
    ],
    [
      'with a learner that is not marked',
      { voters: { incoming: [1], outgoing: [] }, learners: [2] },
      'not marked as learner',
    ],
    ['with a future learner that does not vote', { voters, learnersNext: [3] }, 'not in the outgoing voters'],
    [
      'with a future learner that is one',
      { voters: { incoming: [1], outgoing: [3] }, learnersNext: [3] },
      'already marked as learner',
    ],
    ['that leaves by itself what it is not in', { voters, autoLeave: true }, 'autoLeave must be false'],
  ])('%s', (_, part, why) => {
    expect(() => checkMembership({ config: { ...EMPTY_CONFIG, ...part }, progress })).toThrow(why)
  })

  it('only then', () => {
    expect(() => checkMembership({ config: { ...EMPTY_CONFIG, voters, learners: [3] }, progress })).not.toThrow()
  })
})

const distinctIds = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 14, maxLength: 14 })
const confState: fc.Arbitrary<ConfState> = fc
  .record({
    ids: distinctIds,
    voters: fc.integer({ min: 1, max: 5 }),
    learners: fc.nat({ max: 4 }),
    removed: fc.nat({ max: 3 }),
    retained: fc.nat({ max: 5 }),
    demoted: fc.nat({ max: 3 }),
    autoLeave: fc.boolean(),
  })
  .map(({ ids, ...count }) => {
    const sorted = (list: number[]) => list.sort((a, b) => a - b)
    const voters = ids.slice(0, count.voters)
    const removed = ids.slice(9, 9 + count.removed)
    const votersOutgoing = [...voters.slice(0, count.retained), ...removed]
    return {
      voters: sorted(voters),
      learners: sorted(ids.slice(5, 5 + count.learners)),
      votersOutgoing: sorted(votersOutgoing),
      learnersNext: sorted(removed.slice(0, count.demoted)),
      autoLeave: votersOutgoing.length > 0 && count.autoLeave,
    }
  })

describe('restore', () => {
  it('builds what a ConfState describes', () => {
    fc.assert(
      fc.property(confState, (state) => {
        const { config, progress } = restore(state, LIMITS, LAST_INDEX)
        expect(toConfState(config)).toEqual(state)
        const learners = [...progress].filter(([, { isLearner }]) => isLearner).map(([id]) => id)
        expect(learners.sort((a, b) => a - b)).toEqual(state.learners)
      }),
      { numRuns: 1000 },
    )
  })

  it('of the empty ConfState is the empty membership', () => {
    expect(restore(EMPTY_CONF_STATE, LIMITS, LAST_INDEX)).toEqual(EMPTY_MEMBERSHIP)
  })

  it('does not give an inconsistent ConfState back, so that the core can refuse it', () => {
    const twice = { ...EMPTY_CONF_STATE, voters: [1], votersOutgoing: [2], learners: [2] }
    expect(toConfState(restore(twice, LIMITS, LAST_INDEX).config)).not.toEqual(twice)
    expect(() => restore({ ...EMPTY_CONF_STATE, learners: [2] }, LIMITS, LAST_INDEX)).toThrow('removed all voters')
  })
})

describe('notation', () => {
  it('reads what it prints', () => {
    fc.assert(
      fc.property(changes, (list) => {
        expect(parseConfChanges(printConfChanges(list))).toEqual(list)
      }),
    )
    expect(parseConfChanges('  v1   l2 r3 u4 ')).toEqual([
      { type: ConfChangeType.addNode, nodeId: 1 },
      { type: ConfChangeType.addLearnerNode, nodeId: 2 },
      { type: ConfChangeType.removeNode, nodeId: 3 },
      { type: ConfChangeType.updateNode, nodeId: 4 },
    ])
    expect(parseConfChanges('')).toEqual([])
  })

  it.each([
    ['v', 'unknown token v'],
    ['x1', 'unknown input: x1'],
    ['v-1', 'not a member id: v-1'],
    ['v1.5', 'not a member id: v1.5'],
    ['v99999999999999999', 'not a member id'],
  ])('refuses %s', (text, why) => {
    expect(() => parseConfChanges(text)).toThrow(why)
  })
})

describe('kinds of changes', () => {
  const { auto, jointImplicit, jointExplicit } = ConfChangeTransition
  const withChanges = (transition: ConfChangeTransition, text: string) => ({
    transition,
    changes: parseConfChanges(text),
    context: EMPTY_BYTES,
  })

  it.each([
    [auto, 'v1', { useJoint: false, autoLeave: false }],
    [auto, 'v1 v2', { useJoint: true, autoLeave: true }],
    [jointImplicit, 'v1', { useJoint: true, autoLeave: true }],
    [jointExplicit, 'v1 v2', { useJoint: true, autoLeave: false }],
    [auto, '', { useJoint: false, autoLeave: false }],
  ])('transition %i with "%s"', (transition, text, expected) => {
    expect(enterJoint(withChanges(transition, text))).toEqual(expected)
  })

  it('leaving is a change without changes, whatever its context', () => {
    expect(leaveJoint(LEAVE_JOINT)).toBe(true)
    expect(leaveJoint({ ...LEAVE_JOINT, context: Uint8Array.of(1) })).toBe(true)
    expect(leaveJoint(withChanges(auto, 'v1'))).toBe(false)
    expect(leaveJoint(withChanges(jointExplicit, ''))).toBe(false)
  })
})

describe('codec', () => {
  const nodeId = fc.oneof(fc.nat(), fc.maxSafeNat())
  const confChange = fc.record({
    transition: fc.constantFrom(...Object.values(ConfChangeTransition)),
    changes: fc.array(fc.record({ type: changeType, nodeId })),
    context: fc.uint8Array({ maxLength: 40 }),
  })

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(confChange, (value) => {
        const decoded = decodeConfChange(EntryType.confChangeV2, encodeConfChange(value))
        expect({ ...decoded, context: [...decoded.context] }).toEqual({ ...value, context: [...value.context] })
      }),
    )
  })

  it('writes a change that says nothing as no bytes', () => {
    expect(encodeConfChange(LEAVE_JOINT)).toHaveLength(0)
    expect(decodeConfChange(EntryType.confChangeV2, EMPTY_BYTES)).toEqual(LEAVE_JOINT)
    expect(encodeConfChange({ ...LEAVE_JOINT, context: Uint8Array.of(7) }).length).toBeGreaterThan(0)
  })

  it('takes an entry of type confChange with exactly one change', () => {
    const encode = (text: string) => encodeConfChange({ ...LEAVE_JOINT, changes: parseConfChanges(text) })
    expect(decodeConfChange(EntryType.confChange, encode('v5')).changes).toEqual(parseConfChanges('v5'))
    expect(() => decodeConfChange(EntryType.confChange, encode('v5 v6'))).toThrow('holds 2 changes')
    expect(() => decodeConfChange(EntryType.confChange, EMPTY_BYTES)).toThrow('holds 0 changes')
    expect(() => decodeConfChange(EntryType.normal, encode('v5'))).toThrow('type normal')
  })

  const valid = encodeConfChange({ ...LEAVE_JOINT, changes: parseConfChanges('v1 l2') })
  const broken = (offset: number, byte: number) => valid.map((old, i) => (i === offset ? byte : old))
  it.each([
    ['cut off in the header', valid.subarray(0, 3), 'cut off'],
    ['cut off in a change', valid.subarray(0, valid.length - 1), 'cut off'],
    ['of another version', broken(0, 2), 'unknown format version 2'],
    ['with an unknown transition', broken(1, 3), 'unknown transition 3'],
    ['with an unknown type', broken(4, 4), 'unknown type 4'],
    ['with an id that a number cannot hold', broken(5, 0xff), 'above 2^53'],
  ])('refuses bytes %s', (_, bytes, why) => {
    expect(() => decodeConfChange(EntryType.confChangeV2, bytes)).toThrow(why)
  })

  it('takes random bytes as exactly what they say, or refuses them', () => {
    const header = fc.tuple(fc.constant(1), fc.nat({ max: 3 }), fc.constant(0), fc.nat({ max: 3 }))
    const body = fc.array(fc.nat({ max: 4 }), { maxLength: 40 })
    fc.assert(
      fc.property(header, body, (start, rest) => {
        const bytes = Uint8Array.from([...start, ...rest])
        const decoded = attempt(() => decodeConfChange(EntryType.confChangeV2, bytes))
        if (decoded instanceof Error) expect(decoded.message).toMatch(/^a membership change/)
        else if (bytes.length > 4) expect([...encodeConfChange(decoded)]).toEqual([...bytes])
        else expect({ ...decoded, transition: 0 }).toEqual(LEAVE_JOINT)
      }),
    )
  })
})

function attempt<T>(run: () => T): T | Error {
  try {
    return run()
  } catch (error) {
    return error as Error
  }
}

const files = etcdFiles('confchange')
describe.skipIf(files.length === 0)(
  'scenario files of etcd: confchange (skipped when ETCD_RAFT_TESTDATA is not there)',
  () => {
    it.each(files)('%s', (path) => {
      expect(run(path).failed).toEqual([])
    })

    it('were all run', () => {
      expect(files.map((path) => run(path).passed).reduce((sum, passed) => sum + passed, 0)).toBe(58)
    })
  },
)
