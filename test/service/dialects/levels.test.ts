/** What comes with a later level is refused by name before it is read, in both dialects (rules.md, Versions). */
import { describe, expect, it } from 'vitest'
import { parseLine } from '../../../src/protocol/line.js'
import { lackOfLevel } from '../../../src/service/dialects/requests/level.js'

const line = (text: string) => {
  const parsed = parseLine(text)
  if (parsed === null) throw new Error(`no line: ${text}`)
  return parsed
}

describe('a request that came with level 2', () => {
  const watch = { level: 2 }

  it('is refused by its action below, and taken from then on', () => {
    expect(lackOfLevel(watch, line('watch,id:1,name:x'), 1)).toBe('watch needs level 2')
    expect(lackOfLevel(watch, line('watch,id:1,name:x'), 2)).toBe(null)
    expect(lackOfLevel(watch, line('watch,id:1,name:x'), 3)).toBe(null)
  })
})

describe('a request with keys that came with level 2 and 3', () => {
  const lock = { keyLevels: { permits: 2, ttl: 3 } }

  it.each([
    ['lock,name:x', 1, null],
    ['lock,name:x,permits:2', 1, 'permits needs level 2'],
    ['lock,name:x,permits:2', 2, null],
    ['lock,name:x,permits:2,ttl:5', 2, 'ttl needs level 3'],
    ['lock,name:x,permits:2,ttl:5', 3, null],
    ['lock,name:permits', 1, null],
  ])('%s under level %d: %s', (text, level, lack) => {
    expect(lackOfLevel(lock, line(text), level)).toBe(lack)
  })
})

it('what was there from the first level on needs none', () => {
  expect(lackOfLevel({}, line('lock,name:x,permits:2'), 1)).toBe(null)
})
