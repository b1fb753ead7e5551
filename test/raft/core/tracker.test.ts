import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { Changer } from '../../../src/raft/core/confchange/changer.js'
import { Inflights } from '../../../src/raft/core/tracker/inflights.js'
import { Progress, ProgressState } from '../../../src/raft/core/tracker/progress.js'
import { ProgressTracker } from '../../../src/raft/core/tracker/tracker.js'
import type { RaftId } from '../../../src/raft/core/types.js'
import { parseConfChanges } from '../../scenarios/notation.js'

describe('inflights', () => {
  it('are full at the message limit and free a prefix', () => {
    const window = new Inflights(3, 0)
    for (const index of [5, 6, 9]) window.add(index, 100)
    expect(window.full()).toBe(true)
    expect(() => window.add(10, 1)).toThrow(InvariantViolation)

    window.freeUpTo(4)
    expect(window.count).toBe(3)
    window.freeUpTo(7)
    expect([window.count, window.bytes, window.full()]).toEqual([1, 100, false])
    window.freeUpTo(9)
    expect([window.count, window.bytes]).toEqual([0, 0])
  })

  it('accept the message that reaches the byte limit, and no other', () => {
    const window = new Inflights(10, 250)
    window.add(1, 200)
    expect(window.full()).toBe(false)
    window.add(2, 1000)
    expect([window.full(), window.bytes]).toEqual([true, 1200])
    window.freeUpTo(1)
    expect(window.full()).toBe(true)
    window.freeUpTo(2)
    expect(window.full()).toBe(false)
  })

  it('behave like a plain queue over many rounds', () => {
    const step = fc.record({ add: fc.boolean(), by: fc.integer({ min: 1, max: 4 }), bytes: fc.nat({ max: 50 }) })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 120 }), fc.array(step), (messages, maxBytes, steps) => {
        const window = new Inflights(messages, maxBytes)
        let queue: { index: number; bytes: number }[] = []
        let last = 0
        for (const { add, by, bytes } of steps) {
          if (add && !window.full()) {
            last += by
            window.add(last, bytes)
            queue.push({ index: last, bytes })
          } else if (!add) {
            const acked = (queue[0]?.index ?? 0) + by - 1
            window.freeUpTo(acked)
            queue = queue.filter(({ index }) => index > acked)
          }
          const total = queue.reduce((sum, message) => sum + message.bytes, 0)
          expect([window.count, window.bytes]).toEqual([queue.length, total])
          expect(window.full()).toBe(queue.length === messages || (maxBytes > 0 && total >= maxBytes))
        }
      }),
    )
  })

  it('forget everything on reset', () => {
    const window = new Inflights(2, 10)
    window.add(1, 5)
    window.add(2, 5)
    window.reset()
    expect([window.count, window.bytes, window.full()]).toEqual([0, 0, false])
  })
})

function newProgress(match: number, next: number, window = new Inflights(256, 0)): Progress {
  return new Progress({ match, next, isLearner: false, recentActive: true }, window)
}

describe('progress', () => {
  it('prints its state as the scenario files do', () => {
    const progress = new Progress({ match: 3, next: 4, isLearner: true, recentActive: false }, new Inflights(1, 0))
    expect(String(progress)).toBe('StateProbe match=3 next=4 learner inactive')
    progress.becomeReplicate()
    progress.sentEntries(2, 10)
    expect(String(progress)).toBe('StateReplicate match=3 next=6 learner paused inactive inflight=1[full]')
    progress.becomeSnapshot(9)
    expect(String(progress)).toBe('StateSnapshot match=3 next=10 learner paused pendingSnap=9 inactive')
  })

  it('is paused by one non-empty append while it probes, and resumed by an acknowledgement', () => {
    const progress = newProgress(0, 1)
    progress.sentEntries(0, 0)
    expect(progress.isPaused()).toBe(false)
    progress.sentEntries(1, 10)
    expect([progress.isPaused(), progress.next]).toEqual([true, 1])
    expect(progress.maybeUpdate(1)).toBe(true)
    expect([progress.isPaused(), progress.match, progress.next]).toEqual([false, 1, 2])
  })

  it('streams while it replicates, until the window is full', () => {
    const progress = newProgress(2, 3, new Inflights(2, 0))
    progress.becomeReplicate()
    progress.sentEntries(3, 10)
    expect([progress.next, progress.isPaused()]).toEqual([6, false])
    progress.sentEntries(1, 10)
    expect([progress.next, progress.isPaused()]).toEqual([7, true])
    expect(String(progress.inflights.count)).toBe('2')
  })

  it('refuses appends to a member that waits for a snapshot', () => {
    const progress = newProgress(0, 1)
    progress.becomeSnapshot(10)
    expect(progress.isPaused()).toBe(true)
    expect(() => progress.sentEntries(1, 1)).toThrow(InvariantViolation)
  })

  it('probes after a snapshot from its end, or from the match if that is further', () => {
    const behind = newProgress(1, 5)
    behind.becomeSnapshot(10)
    behind.becomeProbe()
    expect([behind.match, behind.next, behind.pendingSnapshot]).toEqual([1, 11, 0])

    const ahead = newProgress(12, 20)
    ahead.becomeSnapshot(10)
    ahead.becomeProbe()
    expect(ahead.next).toBe(13)
  })

  it('starts over from the match when it leaves replication', () => {
    const progress = newProgress(4, 5)
    progress.becomeReplicate()
    progress.sentEntries(6, 1)
    progress.becomeProbe()
    expect([progress.state, progress.next, progress.inflights.count]).toEqual([ProgressState.probe, 5, 0])
  })

  it.each([
    { acked: 2, news: false, match: 3, next: 5 },
    { acked: 3, news: false, match: 3, next: 5 },
    { acked: 4, news: true, match: 4, next: 5 },
    { acked: 5, news: true, match: 5, next: 6 },
  ])('takes an acknowledgement of $acked at match=3 next=5', ({ acked, news, match, next }) => {
    const progress = newProgress(3, 5)
    expect(progress.maybeUpdate(acked)).toBe(news)
    expect([progress.match, progress.next]).toEqual([match, next])
  })

  it.each([
    // Replicating: a rejection at or below the match is old.
    { state: 'replicate', match: 5, next: 10, rejected: 5, hint: 5, genuine: false, newNext: 10 },
    { state: 'replicate', match: 5, next: 10, rejected: 4, hint: 4, genuine: false, newNext: 10 },
    { state: 'replicate', match: 5, next: 10, rejected: 9, hint: 9, genuine: true, newNext: 6 },
    // Probing: only the entry just before next can be rejected.
    { state: 'probe', match: 0, next: 0, rejected: 0, hint: 0, genuine: false, newNext: 0 },
    { state: 'probe', match: 0, next: 10, rejected: 5, hint: 5, genuine: false, newNext: 10 },
    { state: 'probe', match: 0, next: 10, rejected: 9, hint: 9, genuine: true, newNext: 9 },
    { state: 'probe', match: 0, next: 2, rejected: 1, hint: 1, genuine: true, newNext: 1 },
    { state: 'probe', match: 0, next: 10, rejected: 9, hint: 2, genuine: true, newNext: 3 },
    { state: 'probe', match: 3, next: 10, rejected: 9, hint: 0, genuine: true, newNext: 4 },
  ] as const)('takes a rejection of $rejected (hint $hint) in $state, match=$match next=$next', (given) => {
    const progress = newProgress(given.match, given.match + 1)
    if (given.state === 'replicate') progress.becomeReplicate()
    progress.next = given.next
    expect(progress.maybeDecrTo(given.rejected, given.hint)).toBe(given.genuine)
    expect([progress.match, progress.next]).toEqual([given.match, given.newNext])
  })

  it('resumes a paused probe on a genuine rejection only', () => {
    const progress = newProgress(0, 10)
    progress.sentEntries(1, 1)
    progress.maybeDecrTo(3, 3)
    expect(progress.isPaused()).toBe(true)
    progress.maybeDecrTo(9, 4)
    expect(progress.isPaused()).toBe(false)
  })

  it('wants a commit index sent only while that can tell the member something', () => {
    const progress = newProgress(0, 1)
    progress.becomeReplicate()
    expect(progress.canBumpCommit(1)).toBe(false)
    progress.sentEntries(5, 1)
    expect([progress.canBumpCommit(0), progress.canBumpCommit(3)]).toEqual([false, true])
    progress.sentCommit(3)
    expect([progress.canBumpCommit(3), progress.canBumpCommit(4)]).toEqual([false, true])
    // Commit 8 reaches past the 5 entries that were sent: nothing more to tell until further entries go out.
    progress.sentCommit(8)
    expect(progress.canBumpCommit(9)).toBe(false)
    // A rejection means that the messages that carried it were lost.
    progress.maybeDecrTo(3, 0)
    progress.sentEntries(2, 1)
    expect(progress.canBumpCommit(9)).toBe(true)
  })

  it('keeps everything but the role when the role changes', () => {
    const voter = newProgress(5, 6)
    voter.becomeReplicate()
    voter.sentEntries(2, 10)
    voter.sentCommit(7)
    const learner = voter.withRole(true)
    expect([voter.isLearner, learner.isLearner]).toEqual([false, true])
    expect(String(learner).replace(' learner', '')).toBe(String(voter))
    expect(learner.canBumpCommit(8)).toBe(voter.canBumpCommit(8))
  })

  it('knows nothing after a reset', () => {
    const progress = newProgress(5, 6)
    progress.becomeSnapshot(9)
    progress.reset(0, 21)
    expect(String(progress)).toBe('StateProbe match=0 next=21 inactive')
    expect(progress.canBumpCommit(1)).toBe(true)
  })

  it('never lets next fall to match or below, whatever arrives', () => {
    const index = fc.nat({ max: 12 })
    const event = fc.oneof(
      fc.record({ on: fc.constantFrom('probe', 'replicate', 'snapshot', 'sent', 'ack'), index, hint: index }),
      fc.record({ on: fc.constant('reject' as const), index, hint: index }),
    )
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const progress = newProgress(0, 1, new Inflights(3, 0))
        for (const { on, index: at, hint } of events) {
          const before = progress.match
          if (on === 'probe') progress.becomeProbe()
          if (on === 'replicate') progress.becomeReplicate()
          if (on === 'snapshot') progress.becomeSnapshot(Math.max(at, progress.match))
          if (on === 'sent' && !progress.isPaused()) progress.sentEntries(at % 3, 1)
          if (on === 'ack') progress.maybeUpdate(at)
          if (on === 'reject') progress.maybeDecrTo(at, hint)
          expect(progress.next).toBeGreaterThan(progress.match)
          expect(progress.match).toBeGreaterThanOrEqual(before)
        }
      }),
      { numRuns: 500 },
    )
  })
})

function trackerOf(changes: string): ProgressTracker {
  const tracker = new ProgressTracker({ maxInflight: 10, maxInflightBytes: 0 })
  for (const change of parseConfChanges(changes)) {
    tracker.setMembership(new Changer(tracker, tracker, 0).simple([change]))
  }
  return tracker
}

function enterJoint(tracker: ProgressTracker, changes: string): void {
  tracker.setMembership(new Changer(tracker, tracker, 0).enterJoint(false, parseConfChanges(changes)))
}

function setMatch(tracker: ProgressTracker, matches: Readonly<Record<RaftId, number>>): void {
  tracker.visit((id, progress) => progress.maybeUpdate(matches[id] ?? 0))
}

describe('progress tracker', () => {
  it('visits members in id order, learners included, however they were added', () => {
    const tracker = trackerOf('v10 v9 l30 v2 l1')
    const visited: RaftId[] = []
    tracker.visit((id) => visited.push(id))
    expect(visited).toEqual([1, 2, 9, 10, 30])
    expect(tracker.voterNodes()).toEqual([2, 9, 10])
    expect(tracker.learnerNodes()).toEqual([1, 30])
  })

  it('commits by voters only', () => {
    const tracker = trackerOf('v1 v2 v3 l4 l5')
    setMatch(tracker, { 1: 8, 4: 9, 5: 9 })
    expect(tracker.committed()).toBe(0)
    setMatch(tracker, { 3: 5 })
    expect(tracker.committed()).toBe(5)
  })

  it('needs both halves of a joint configuration to commit', () => {
    const tracker = trackerOf('v1 v2 v3')
    enterJoint(tracker, 'r2 r3 v4 v5')
    setMatch(tracker, { 1: 9, 4: 7, 5: 7 })
    expect(tracker.committed()).toBe(0)
    setMatch(tracker, { 2: 6 })
    expect(tracker.committed()).toBe(6)
    expect(tracker.confState()).toEqual({
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    })
  })

  it('is a singleton with one voter outside of a joint configuration', () => {
    const tracker = trackerOf('v1 l2')
    expect(tracker.isSingleton()).toBe(true)
    enterJoint(tracker, 'u1')
    expect(tracker.isSingleton()).toBe(false)
    expect(trackerOf('v1 v2').isSingleton()).toBe(false)
  })

  it('counts the activity of voters only towards the quorum', () => {
    const tracker = trackerOf('v1 v2 v3 l4 l5')
    const setActive = (active: readonly RaftId[]) =>
      tracker.visit((id, progress) => {
        progress.recentActive = active.includes(id)
      })
    setActive([1, 4, 5])
    expect(tracker.quorumActive()).toBe(false)
    setActive([1, 3])
    expect(tracker.quorumActive()).toBe(true)
    enterJoint(tracker, 'r3 v6')
    setActive([1, 3])
    expect(tracker.quorumActive()).toBe(false)
    setActive([1, 3, 6])
    expect(tracker.quorumActive()).toBe(true)
  })

  it("counts a member's first vote, and none of those who may not vote", () => {
    const tracker = trackerOf('v1 v2 v3 l4')
    tracker.recordVote(1, true)
    tracker.recordVote(2, false)
    tracker.recordVote(2, true)
    tracker.recordVote(4, true)
    tracker.recordVote(9, true)
    expect(tracker.tallyVotes()).toEqual({ granted: 1, rejected: 1, result: 'pending' })
    tracker.recordVote(3, true)
    expect(tracker.tallyVotes()).toEqual({ granted: 2, rejected: 1, result: 'won' })
    tracker.resetVotes()
    expect(tracker.tallyVotes()).toEqual({ granted: 0, rejected: 0, result: 'pending' })
  })
})
