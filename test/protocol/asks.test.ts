import { describe, expect, it } from 'vitest'
import { parseAsk, parseHoldName } from '../../src/protocol/asks.js'

describe('what is asked of one name', () => {
  it.each([
    ['x', { name: 'x', own: null }],
    ['a/b.c@shared', { name: 'a/b.c', own: { mode: 'shared' } }],
    ['x@exclusive', { name: 'x', own: { mode: 'exclusive' } }],
    ['x@2/5', { name: 'x', own: { permits: 2, limit: 5 } }],
    ['x@7/5', { name: 'x', own: { permits: 7, limit: 5 } }],
    ['x@9007199254740991/9007199254740991', { name: 'x', own: { permits: 2 ** 53 - 1, limit: 2 ** 53 - 1 } }],
  ])('%s', (text, ask) => {
    expect(parseAsk(text)).toEqual(ask)
  })

  it.each(['', '@', '@shared', '.x', '.x@shared', 'ä', 'a b', 'x'.repeat(256), `${'x'.repeat(256)}@1/2`])(
    'no lock name: %s',
    (text) => {
      expect(parseAsk(text)).toBe('name')
    },
  )

  it.each([
    ...[
      'x@',
      'x@@',
      'x@Shared',
      'x@shared ',
      'x@shared@1/2',
      'x@0/5',
      'x@5/0',
      'x@5',
      'x@/5',
      'x@5/',
      'x@1/2/3',
      'x@-1/5',
    ],
    ...['x@1.5/5', 'x@ 1/5', 'x@1e1/20', 'x@9007199254740992/1', 'x@1/99999999999999999', 'x@１/2'],
  ])('nothing that can be asked: %s', (text) => {
    expect(parseAsk(text)).toBe('ask')
  })
})

describe('one hold', () => {
  it.each([
    ['x@7', { name: 'x', token: 7 }],
    ['a/b@0', { name: 'a/b', token: 0 }],
  ])('%s', (text, hold) => {
    expect(parseHoldName(text)).toEqual(hold)
  })

  it.each(['', 'x', '7', '@7', 'x@', 'x@@7', 'x@7@8', '.x@7', 'x@-1', 'x@seven', 'x@9007199254740992', 'all', 'none'])(
    'none: %s',
    (text) => {
      expect(parseHoldName(text)).toBeNull()
    },
  )
})
