/** Schedules that forced the rules of docs/protocol.md, Semantics of locks. Each one played against an easier rule that failed. */
import { describe, expect, test } from 'vitest'
import { cast } from './stage.js'

describe('who is next', () => {
  test('a request for several names counts as granted where its place fits: endless later ones cannot starve it', () => {
    const { A, M, stage } = cast('A', 'M')
    A.ask('x')
    expect(M.ask('x y')).toEqual(['1 queued x 1'])
    for (let i = 0; i < 20; i++) {
      const single = stage.client(`S${i}`)
      expect(single.ask('y', { waitMs: 0 }), 'y idles for M, and is said to be asked for').toEqual(['1 queued y M'])
      expect(single.ask('y')).toEqual([`2 queued y ${i + 2}`])
    }
    expect(A.release('x')).toEqual(['2 released', '1 ok x y'])
    expect(M.release('y')).toEqual(['2 released', '2 ok y'])
  })

  test('a shared one does not pass an exclusive one, a small permit does not pass a large one', () => {
    const { A, B, C, stage } = cast('A', 'B', 'C')
    A.ask('x@shared')
    expect(B.ask('x')).toEqual(['1 queued x 1'])
    expect(C.ask('x@shared')).toEqual(['1 queued x 2'])
    expect(A.release('x')).toEqual(['2 released', '1 ok x'])
    expect(B.release('x')).toEqual(['2 released', '1 ok x'])
    A.ask('s@2/3')
    expect(B.ask('s@2/3')).toEqual(['3 queued s 1'])
    expect(C.ask('s@1/3')).toEqual(['2 queued s 2'])
    expect(A.release('s')).toEqual(['4 released', '3 ok s', '2 ok s'])
    expect(stage.holders('s')).toEqual(['B', 'C'])
  })

  test('a free lock can be reserved; what one entry makes possible is granted in the order of requests', () => {
    const { A, B, C, D } = cast('A', 'B', 'C', 'D')
    A.ask('x')
    A.ask('y')
    B.ask('y z')
    C.ask('x z')
    D.ask('z')
    expect(A.bye()).toEqual(['1 ok y z'])
    expect(B.release('z')).toEqual(['2 released', '1 ok x z'])
    expect(C.bye()).toEqual(['1 ok z'])
  })

  test('one that leaves its queues lets others on in all of them, whichever it waited for', () => {
    const { A, B, C, D } = cast('A', 'B', 'C', 'D')
    A.ask('x')
    B.ask('x y z')
    C.ask('y')
    D.ask('z')
    expect(B.cancel()).toEqual(['1 cancelled x A', '2 cancelled', '1 ok y', '1 ok z'])
  })
})

describe('deadlock', () => {
  test('of two exclusive ones; who keeps nothing waits for both', () => {
    const { A, B, C } = cast('A', 'B', 'C')
    A.ask('x')
    B.ask('y')
    A.ask('y')
    expect(C.ask('x y')).toEqual(['1 queued x 1'])
    expect(B.ask('x', { holding: 'none' })).toEqual(['2 queued x 2'])
    expect(B.ask('x')).toEqual(['3 deadlock'])
  })

  test('a shared holder that asks shared again behind a waiting writer; with holding:none it just waits', () => {
    const { A, B } = cast('A', 'B')
    A.ask('x@shared')
    B.ask('x')
    expect(A.ask('x@shared')).toEqual(['2 deadlock'])
    expect(A.ask('x@shared', { holding: 'none' })).toEqual(['3 queued x 2'])
  })

  test('no upgrade, no downgrade; with wait:0 too', () => {
    const { A, B } = cast('A', 'B')
    A.ask('x@shared')
    A.ask('y')
    for (const waitMs of [-1, 0]) {
      expect(A.ask('x', { waitMs })).toEqual([`${A.id} deadlock`])
      expect(A.ask('y', { waitMs })).toEqual([`${A.id} deadlock`])
      expect(A.ask('y@shared', { waitMs })).toEqual([`${A.id} deadlock`])
    }
    expect(A.ask('x@shared', { waitMs: 0 })).toEqual([`${A.id} ok x`])
    expect(B.ask('y', { waitMs: 0 })).toEqual(['1 held y A'])
  })

  test('of a semaphore: each of two cycles has a way out, together nobody moves', () => {
    const { A, B, C } = cast('A', 'B', 'C')
    A.ask('x@1/2')
    C.ask('x@1/2')
    B.ask('y')
    expect(B.ask('x@1/2')).toEqual(['2 queued x 1'])
    expect(A.ask('y')).toEqual(['2 queued y 1'])
    expect(C.ask('y')).toEqual(['2 deadlock'])
  })

  test('what the other requests of a session will get is kept as well', () => {
    const { A, B, C } = cast('A', 'B', 'C')
    C.ask('x')
    A.ask('x')
    B.ask('y')
    expect(B.ask('x', { holding: 'all' })).toEqual(['2 queued x 2'])
    expect(A.ask('y', { holding: 'all' }), 'A keeps the x that it will get').toEqual(['2 deadlock'])
  })

  test('of commands one under the other: no session both holds and waits, and the inner one says what the outer holds', () => {
    const { outer1, outer2, inner1, inner2, stage } = cast('outer1', 'outer2', 'inner1', 'inner2')
    outer1.ask('a')
    outer2.ask('b')
    const [a, b] = [stage.tokenOf('a'), stage.tokenOf('b')]
    expect(inner1.ask('b', { holding: `a@${a}` })).toEqual(['1 queued b 1'])
    expect(inner2.ask('a', { holding: `b@${b}` })).toEqual(['1 deadlock'])
    expect(inner2.ask('a', { holding: `b@${b + 1}` }), 'a token that is not current is ignored').toEqual([
      '2 queued a 1',
    ])
  })

  test('what ends by itself closes no cycle: tails, a ttl, a freeze', () => {
    const { A, B, C, D } = cast('A', 'B', 'C', 'D')
    A.ask('x', { ttlMs: 1_000 })
    B.ask('y')
    expect(B.ask('x')).toEqual(['2 queued x 1'])
    expect(A.ask('y')).toEqual(['2 queued y 1'])
    C.ask('z')
    D.ask('v')
    D.freeze('v')
    expect(C.ask('v', { holding: 'none' })).toEqual(['2 queued v 1'])
    expect(D.ask('z')).toEqual(['3 queued z 1'])
  })

  test('nor what another request of the session will get for a time', () => {
    const { A, B } = cast('A', 'B')
    B.ask('x')
    expect(A.ask('x', { ttlMs: 1_000 })).toEqual(['1 queued x 1'])
    expect(A.ask('x'), 'behind the first, which ends by itself').toEqual(['2 queued x 2'])
    expect(A.ask('x'), 'behind the second, which does not').toEqual(['3 deadlock'])
  })

  test('a shrink that would close a cycle is refused', () => {
    const { A, B, C, op } = cast('A', 'B', 'C', 'op')
    A.ask('y')
    B.ask('s@1/2')
    C.ask('s@1/2')
    expect(A.ask('s@1/2')).toEqual(['2 queued s 1'])
    expect(B.ask('y'), 'C will give back a permit, and A then y').toEqual(['2 queued y 1'])
    expect(op.resize('s', 1), 'A would need that of B').toEqual(['1 deadlock'])
    expect(C.release('s')).toEqual(['2 released', '2 ok s'])
  })

  test('a shrink that ends those who would be in the cycle is none', () => {
    const { A, B, C, op } = cast('A', 'B', 'C', 'op')
    A.ask('s@1/2')
    B.ask('y')
    expect(B.ask('s@1/2')).toEqual(['2 ok s'])
    B.release('s')
    A.ask('y')
    expect(C.ask('s@2/2')).toEqual(['1 queued s 1'])
    expect(op.resize('s', 1), 'C asks for too much, and then nobody waits for s').toEqual(['1 permits', '1 resized'])
  })
})
