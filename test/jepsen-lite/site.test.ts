import { describe, expect, it } from 'vitest'
import { chosen } from './site.js'

const KNOWN = [...['kill', 'cut', 'hang'].map((name) => ({ name })), { name: 'swap', byNameOnly: true as const }]
const names = (wanted: string) => chosen('--nemesis', wanted, KNOWN).map(({ name }) => name)

describe('--nemesis', () => {
  it('takes all, none, some, or all but some', () => {
    expect([names('all'), names('none')]).toEqual([['kill', 'cut', 'hang'], []])
    expect(names('swap,cut')).toEqual(['swap', 'cut'])
    expect([names('cut,kill'), names('all,-hang')]).toEqual([
      ['cut', 'kill'],
      ['kill', 'cut'],
    ])
  })

  it('names what it does not know', () => {
    expect(() => names('kill,frobnicate')).toThrow('frobnicate is none of kill, cut, hang, swap')
    expect(() => names('all,-frobnicate')).toThrow('frobnicate is none of')
  })
})
