import { openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readStart, signalsInMask } from '../../../src/cli/do/start.js'
import { formatHeld, holderAround, readHeld } from '../../../src/cli/shared/held.js'

describe('what tnl-do was started with', () => {
  const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex')

  it('is what the starter has seen', () => {
    const file = openSync('/dev/null', 'r')
    const told = {
      TNL_DO_START: `${process.pid} 0000000000011001 512 0 ${file} 99999`,
      TNL_DO_ENVIRON: hex('A=\xff\0b.c=d\0'),
    }
    expect(readStart([], told)).toMatchObject({
      ignoredSignals: [1, 13],
      openFiles: 512,
      descriptors: [file],
      variables: ['A=\xff', 'b.c=d'],
    })
  })

  it('is not what the starter of another process has seen', () => {
    const told = { TNL_DO_START: `${process.pid + 1} 1 512 3`, TNL_DO_ENVIRON: hex('A=b\0') }
    const start = readStart([], told)
    expect(start).toMatchObject({ ignoredSignals: [], openFiles: null, descriptors: [] })
    expect(start.variables).not.toContain('A=b')
  })

  it('has the signals of a mask', () => {
    expect(signalsInMask('0000000000004003')).toEqual([1, 2, 15])
    expect(signalsInMask('what')).toEqual([])
  })
})

describe('locks that are held around a command', () => {
  const marks = readHeld('a@5,c1,me@here.1 b/c@7,,you nonsense @9')

  it('are read as they are written', () => {
    expect(marks.map(({ name, token }) => [name, token])).toEqual([
      ['a', '5'],
      ['b/c', '7'],
    ])
    expect(formatHeld(marks)).toBe('a@5,c1,me@here.1 b/c@7,,you')
    expect(readHeld(undefined)).toEqual([])
  })

  it.each([
    ['a', 'c1', 'me@here.1', true],
    ['a', 'c2', 'me@here.1', false],
    ['a', 'c1', 'you', false],
    ['a', 'c1', null, false],
    ['b', 'c1', 'you', false],
    ['b/c', 'c1', 'you', true],
  ])('%s at cluster %s, held by %s: %s', (name, cluster, holder, isAround) => {
    expect(holderAround(marks, name, cluster, holder) !== null).toBe(isAround)
  })
})
