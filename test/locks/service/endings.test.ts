/** How holds end, and what stands when they have: tails, losses, loose holds, done-marks, freezes, limits. */
import { describe, expect, test } from 'vitest'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { restored } from '../../fuzz/replicas.js'

import { cast, Stage, wordsOf } from './stage.js'
import { GENESIS } from './world.js'

describe('tails', () => {
  test('a reader that dies leaves readers alone, a writer waits; of a semaphore its permits stay away', () => {
    const { A, B, C, D, stage } = cast('A', 'B', 'C', 'D')
    A.ask('x@shared s@2/3', { delayMs: 30_000 })
    B.ask('x@shared')
    expect(A.detach()).toEqual([])
    expect(A.expire()).toEqual([])
    expect(stage.holders('x')).toEqual(['tail', 'B'])
    expect(C.ask('x@shared')).toEqual(['1 ok x'])
    expect(D.ask('x', { waitMs: 0 })).toEqual(['1 held x B'])
    expect(D.ask('x')).toEqual(['2 queued x 1'])
    expect(D.ask('s@1/3')).toEqual(['3 ok s'])
    expect(C.ask('s@1/3', { waitMs: 0 })).toEqual(['2 delayed s'])
    B.release('x')
    C.release('x')
    expect(stage.timeOver('x', 'delay')).toEqual(['2 ok x'])
    expect(stage.timeOver('s', 'minHold'), 'the tail has no such time').toEqual([])
    stage.timeOver('s', 'delay')
    expect(stage.holders('s')).toEqual(['D'])
  })

  test('min-hold counts from the grant, however the hold ends; of two tails the longer counts', () => {
    const { A, B, stage } = cast('A', 'B')
    A.ask('x', { minHoldMs: 5_000 })
    B.ask('x')
    expect(A.release('x'), 'released is said at once').toEqual(['2 released'])
    expect(stage.holders('x')).toEqual(['tail'])
    expect(stage.timeOver('x', 'minHold')).toEqual(['1 ok x'])
    B.release('x')
    A.ask('x', { minHoldMs: 5_000 })
    stage.timeOver('x', 'minHold')
    A.release('x')
    expect(stage.holders('x'), 'held long enough').toEqual([])
    A.ask('x', { minHoldMs: 5_000, delayMs: 2_000 })
    A.bye(false)
    stage.timeOver('x', 'delay')
    expect(stage.holders('x')).toEqual(['tail'])
    stage.timeOver('x', 'minHold')
    expect(stage.holders('x')).toEqual([])
  })

  test.each([
    ['bye', false],
    ['a FIN without bye', true],
  ])('after %s a delay leaves a tail: %s', (_how, leaves) => {
    const { A, stage } = cast('A')
    A.ask('x', { delayMs: 2_000 })
    A.bye(!leaves)
    expect(stage.holders('x')).toEqual(leaves ? ['tail'] : [])
  })
})

describe('force-release and ttl', () => {
  test('one hold is broken: it counts until its client has let go; others and the session live on', () => {
    const { A, B, C, op, stage } = cast('A', 'B', 'C', 'op')
    A.ask('x@shared')
    A.ask('y')
    B.ask('x@shared')
    expect(C.ask('x')).toEqual(['1 queued x 1'])
    const token = stage.tokenOf('x')
    expect(op.force('x', token + 7)).toEqual(['1 not-holder'])
    expect(op.force('x', token)).toEqual(['lost x forced', '2 forced'])
    expect(stage.holders('x')).toEqual(['A:forced', 'B'])
    B.release('x')
    expect(stage.holders('x'), 'A may believe in it still').toEqual(['A:forced'])
    expect(A.letGo('x'), 'rule 12').toEqual(['1 ok x'])
    expect(stage.holders('y')).toEqual(['A'])
  })

  test('the release of who was told ends it; a repeated request hears what became of its hold', () => {
    const { A, C, op, stage } = cast('A', 'C', 'op')
    A.ask('x y')
    C.ask('x')
    op.force('x')
    expect(A.ask('x y', { id: 1 })).toEqual(['1 ok x:forced y'])
    expect(A.release('y')).toEqual(['2 released'])
    expect(A.ask('x y', { id: 1 })).toEqual(['1 ok x:forced y:released'])
    expect(A.release('x')).toEqual(['3 released', '1 ok x'])
    expect(stage.holders('x')).toEqual(['C'])
  })

  test('a lease may be as long as a number of the log: what is answered about it can be written', () => {
    const stage = new Stage()
    const holder = stage.client('holder', { leaseMs: Number.MAX_SAFE_INTEGER })
    const [op, other] = [stage.client('op'), stage.client('other')]
    holder.ask('x')
    expect(op.force('x')).toEqual(['lost x forced', '1 forced'])
    expect(other.ask('x', { waitMs: 0 })).toEqual(['1 delayed x'])
    expect(restored(stage.machine, GENESIS, 1_000_000).stateHash()).toBe(stage.machine.stateHash())
  })

  test('a letGo of before a resume does nothing', () => {
    const { A, C, stage } = cast('A', 'C')
    A.ask('x', { ttlMs: 1_000 })
    C.ask('x')
    const token = stage.tokenOf('x')
    expect(stage.timeOver('x', 'ttl')).toEqual(['lost x ttl'])
    A.detach()
    const view = A.resume()
    expect(view.held).toEqual([])
    expect(view.ending).toEqual([{ name: 'x', token, reason: 'ttl' }])
    A.attach -= 1
    expect(A.letGo('x')).toEqual([])
    A.attach += 1
    expect(A.letGo('x')).toEqual(['1 ok x'])
  })

  test('a classic session ends with its lock, whoever takes that away: by force, or because it asks for too many permits', () => {
    const { op, stage } = cast('op')
    const holder = stage.classic('H', 's@2/2')
    const waiting = stage.classic('W', 's@2/2')
    expect(waiting.words).toEqual(['-1 queued s 1'])
    expect(op.resize('s', 1)).toEqual(['-1 permits', '1 resized'])
    expect(stage.machine.session(waiting.session)).toBeNull()
    expect(op.force('s', stage.tokenOf('s'), true)).toEqual(['lost s forced', '2 forced'])
    expect(stage.machine.session(holder.session)).toBeNull()
    expect(stage.holders('s')).toEqual([])
  })

  test('how long at most a lost hold is in the way: while its client may believe, or for the rest of a min-hold', () => {
    const { A, B, C, op, stage } = cast('A', 'B', 'C', 'op')
    A.ask('x', { delayMs: 60_000, minHoldMs: 500 })
    B.ask('y', { minHoldMs: 90_000 })
    for (const name of ['x', 'y']) op.force(name)
    const forMs = (name: string) => {
      C.ask(name, { waitMs: 0 })
      const answer = stage.world.model.sessions.find(({ id }) => id === C.session)?.answers.get(C.id)
      return answer?.kind === 'not-granted' ? answer.forMs : null
    }
    expect(forMs('x'), 'the lease of its node, then its own; a force leaves no delay').toBe(20_000)
    expect(forMs('y')).toBe(90_000)
  })

  test('tails and loose holds go at once', () => {
    const { A, C, op, stage } = cast('A', 'C', 'op')
    A.ask('x', { ttlMs: 1_000, loose: true })
    expect(C.ask('x')).toEqual(['1 queued x 1'])
    expect(op.force('x')).toEqual(['1 forced', '1 ok x'])
    C.release('x')
    A.ask('x', { minHoldMs: 1_000 })
    A.release('x')
    expect(op.force('x')).toEqual(['2 forced'])
    expect(stage.holders('x')).toEqual([])
  })

  test('a loose hold outlives its session, ends at its ttl or by whoever unlocks it, and by nobody else', () => {
    const { A, B, stage } = cast('A', 'B')
    A.ask('x', { ttlMs: 1_000, loose: true })
    A.bye()
    expect(stage.holders('x')).toEqual(['A'])
    expect(stage.timeOver('x', 'ttl')).toEqual([])
    expect(stage.holders('x')).toEqual([])
    B.ask('y')
    expect(B.unlock('y'), 'not loose').toEqual(['2 not-holder'])
    B.ask('z', { ttlMs: 1_000, loose: true })
    const other = stage.client('other')
    expect(other.unlock('z', 0, other), 'not taken by other').toEqual(['1 not-holder'])
    expect(other.unlock('z', 0, B)).toEqual(['2 released'])
  })
})

describe('done-marks', () => {
  test('of three hosts that wait one runs; the others hear it at their turn, though it was not marked when they asked', () => {
    const { A, B, C, stage } = cast('A', 'B', 'C')
    A.ask('k', { once: 'k' })
    B.ask('k', { once: 'k' })
    C.ask('k', { once: 'k' })
    expect(A.release('k', stage.tokenOf('k'), true)).toEqual(['2 released', '1 done k A', '1 done k A'])
    expect(stage.holders('k')).toEqual([])
    expect(A.ask('k', { once: 'k' })).toEqual(['3 done k A'])
    expect(A.forget('k')).toEqual(['4 forgotten'])
    expect(A.ask('k', { once: 'k' })).toEqual(['5 ok k'])
  })

  test('one that was set anew does not end with the time of the former', () => {
    const { A, stage } = cast('A')
    const mark = () => {
      A.ask('k', { once: 'k', onceTtlMs: 1_000 })
      A.release('k', stage.tokenOf('k'), true)
      return stage.world.model.marks.get('k')?.generation ?? 0
    }
    const former = mark()
    A.forget('k')
    const present = mark()
    stage.apply({ type: CommandType.markOver, key: 'k', generation: former })
    expect(A.ask('k', { once: 'k' })).toEqual([`${A.id} done k A`])
    stage.apply({ type: CommandType.markOver, key: 'k', generation: present })
    expect(A.ask('k', { once: 'k' })).toEqual([`${A.id} ok k`])
  })

  test('only a current hold sets one', () => {
    const { A, B, op, stage } = cast('A', 'B', 'op')
    A.ask('k', { once: 'k' })
    B.ask('k', { once: 'k' })
    op.force('k')
    expect(A.release('k', stage.tokenOf('k'), true)).toEqual(['2 not-holder'])
    expect(A.release('k')).toEqual(['3 released', '1 ok k'])
  })
})

describe('freezes', () => {
  test('a frozen name gets no new hold, by request, release or force; the thaw wakes all, in their order', () => {
    const { A, B, C, D, op, stage } = cast('A', 'B', 'C', 'D', 'op')
    A.ask('d/x')
    B.ask('d/x@shared')
    C.ask('d/x@shared')
    expect(op.freeze('d/')).toEqual(['1 frozen'])
    expect(A.release('d/x')).toEqual(['2 released'])
    expect(stage.holders('d/x')).toEqual([])
    expect(D.ask('d/y', { waitMs: 0 })).toEqual(['1 frozen d/y'])
    expect(D.ask('d/y')).toEqual(['2 queued d/y 1'])
    expect(op.thaw('d/')).toEqual(['2 thawed', '1 ok d/x', '1 ok d/x', '2 ok d/y'])
  })

  test("who only waits for a thaw is in nobody's way but its own: its timeout names no holder", () => {
    const { A, op } = cast('A', 'op')
    op.freeze('')
    expect(A.ask('x')).toEqual(['1 queued x 1'])
    expect(A.timeout()).toEqual(['1 timeout x'])
  })

  test('one that was set anew does not end with the time of the former', () => {
    const { A, op, stage } = cast('A', 'op')
    const freeze = () => {
      op.freeze('x', 5_000)
      return stage.world.model.freezes.get('x')?.generation ?? 0
    }
    const former = freeze()
    const present = freeze()
    stage.apply({ type: CommandType.freezeOver, prefix: 'x', generation: former })
    expect(A.ask('x')).toEqual(['1 queued x 1'])
    expect(wordsOf(stage.apply({ type: CommandType.freezeOver, prefix: 'x', generation: present }))).toEqual(['1 ok x'])
  })

  test('one whose time had passed when it was asked freezes nothing, and ends none that is there', () => {
    const { A, op } = cast('A', 'op')
    expect(op.freeze('x', 40, true)).toEqual(['1 bad-request'])
    expect(A.ask('x')).toEqual(['1 ok x'])
    op.freeze('y')
    expect(op.freeze('y', 40, true)).toEqual(['3 bad-request'])
    expect(A.ask('y')).toEqual(['2 queued y 1'])
  })

  test('a request of which some names are frozen never waits, however it became so', () => {
    const { A, B, C, op } = cast('A', 'B', 'C', 'op')
    A.ask('db')
    op.freeze('d/')
    expect(B.ask('db d/x')).toEqual(['1 frozen d/x'])
    op.thaw('d/')
    expect(B.ask('db d/x')).toEqual(['2 queued db 1'])
    C.ask('d/x')
    expect(op.freeze('d/')).toEqual(['2 frozen d/x', '3 frozen'])
    op.freeze('e/')
    op.freeze('')
    expect(B.ask('d/x e/y')).toEqual(['3 queued d/x 2'])
    expect(op.thaw(''), 'both are frozen still').toEqual([expect.stringMatching('thawed')])
    expect(op.thaw('e/')).toEqual(['3 frozen d/x', expect.stringMatching('thawed')])
  })
})

describe('semaphores', () => {
  test('limit, pin, reset: the limit belongs to the lock', () => {
    const { A, B, op } = cast('A', 'B', 'op')
    A.ask('s@2/3')
    expect(B.ask('s@1/4')).toEqual(['1 limit-mismatch'])
    expect(B.ask('s')).toEqual(['2 limit-mismatch'])
    expect(B.ask('s@4/3')).toEqual(['3 permits'])
    expect(op.resize('s', 5)).toEqual(['1 resized'])
    expect(B.ask('s@1/4'), 'not compared any more').toEqual(['4 ok s'])
    A.release('s')
    B.release('s')
    expect(A.ask('s@5/9'), 'pinned, after it was idle too').toEqual(['3 ok s'])
    expect(op.resize('s', 0)).toEqual(['2 resized'])
    expect(B.ask('s@1/3'), 'until it is idle').toEqual(['6 limit-mismatch'])
    A.release('s')
    expect(B.ask('s@1/3')).toEqual(['7 ok s'])
  })

  test('a pinned name can be a plain lock while nobody has permits of it', () => {
    const { A, B, op } = cast('A', 'B', 'op')
    op.resize('s', 2)
    expect(A.ask('s')).toEqual(['1 ok s'])
    expect(B.ask('s@1/2')).toEqual(['1 limit-mismatch'])
    expect(op.resize('s', 3)).toEqual(['2 limit-mismatch'])
    A.release('s')
    expect(B.ask('s@1/7')).toEqual(['2 ok s'])
  })

  test('a shrink revokes nothing, and ends who waits for more than there is', () => {
    const { A, B, C, op, stage } = cast('A', 'B', 'C', 'op')
    A.ask('s@3/3')
    B.ask('s@2/3')
    C.ask('s@1/3')
    expect(op.resize('s', 1)).toEqual(['1 permits', '1 resized'])
    expect(stage.holders('s')).toEqual(['A'])
    expect(A.release('s')).toEqual(['2 released', '1 ok s'])
  })
})
