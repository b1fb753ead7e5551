import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Ask, formatAsk, readAmount, readAsk, readAsks } from '../../src/client/asks.js'
import { InvalidOptionError } from '../../src/client/errors.js'

describe('what is asked of a name', () => {
  it('reads as it was written', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_./-]{0,20}$/)
    const semaphore = fc
      .tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000 }))
      .map(([one, other]) => ({ permits: Math.min(one, other), limit: Math.max(one, other) }))
    const amount = fc.oneof(fc.constant('exclusive' as const), fc.constant('shared' as const), semaphore)
    fc.assert(
      fc.property(name, amount, (asked, of) => {
        const ask: Ask = { name: asked, amount: of }
        expect(readAsk(formatAsk(ask), 'exclusive')).toEqual(ask)
      }),
    )
  })

  it.each([
    '',
    '@shared',
    'x@',
    'x@Shared',
    'x@1',
    'x@1/',
    'x@/1',
    'x@0/1',
    'x@2/1',
    'x@1/1000001',
    'x@-1/2',
    'x@1.5/2',
  ])('is not %j', (text) => {
    expect(() => readAsk(text, 'exclusive')).toThrow(InvalidOptionError)
  })

  it('is the mode or the semaphore of the options', () => {
    expect(readAmount({})).toBe('exclusive')
    expect(readAmount({ mode: 'shared' })).toBe('shared')
    expect(readAmount({ limit: 3 })).toEqual({ permits: 1, limit: 3 })
    expect(readAmount({ limit: 3, permits: 2 })).toEqual({ permits: 2, limit: 3 })
    for (const wrong of [
      { permits: 1 },
      { limit: 0 },
      { limit: 1.5 },
      { limit: 2, permits: 3 },
      { mode: 'shared' as const, limit: 2 },
    ]) {
      expect(() => readAmount(wrong)).toThrow(InvalidOptionError)
    }
  })

  it('names each lock once, and 64 at most', () => {
    const names = Array.from({ length: 64 }, (_, index) => `n${index}`)
    expect(readAsks(names, 'shared')).toHaveLength(64)
    expect(() => readAsks([...names, 'x'], 'shared')).toThrow('65 lock names: at most 64')
    expect(() => readAsks(['x', 'y', 'x@shared'], 'exclusive')).toThrow("'x' is there twice")
    expect(() => readAsks([], 'exclusive')).toThrow(InvalidOptionError)
  })
})
