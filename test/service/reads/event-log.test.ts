import { expect, it } from 'vitest'
import type { LockEvent } from '../../../src/locks/effects.js'
import { EventLog } from '../../../src/service/reads/event-log.js'
import { parsePosition } from '../../../src/service/reads/positions.js'

const event = (index: number, place: number): LockEvent => ({
  kind: 'event',
  index,
  place,
  type: 'granted',
  name: 'x',
  token: index,
  holder: 'h',
  sinceWallMs: 0,
  how: null,
})

it('knows what is behind a position, and whether it has all of that', () => {
  const log = new EventLog(4)
  const behind = (index: number, place: number): string | null => {
    const first = log.firstBehind({ index, place })
    if (first === null) return null
    const found: string[] = []
    for (let number = first; number < log.next; number += 1)
      found.push(`${log.at(number)?.index}.${log.at(number)?.place}`)
    return found.join(' ')
  }
  expect(behind(10, 0)).toBeNull()
  log.begin({ index: 10, place: 0 })
  log.begin({ index: 5, place: 0 })
  expect([behind(9, 0), behind(10, 0), behind(11, 0)]).toEqual([null, '', ''])
  for (const [index, place] of [
    [12, 0],
    [12, 1],
    [15, 0],
  ] as const)
    log.add(event(index, place))
  expect(behind(9, 9)).toBeNull()
  expect(behind(10, 0)).toBe('12.0 12.1 15.0')
  expect(behind(12, 0)).toBe('12.1 15.0')
  expect(behind(13, 0)).toBe('15.0')
  expect(behind(99, 0)).toBe('')
  log.add(event(16, 0))
  log.add(event(17, 0))
  // 12.0 had to go.
  expect([behind(10, 0), behind(12, 0)]).toEqual([null, '12.1 15.0 16.0 17.0'])
  log.beginAnew({ index: 40, place: 0 })
  expect([behind(17, 0), behind(40, 0), log.last]).toEqual([null, '', undefined])
  log.add(event(41, 0))
  expect(behind(40, 0)).toBe('41.0')
})

it('knows nothing of what came before the first event that it was told', () => {
  const log = new EventLog(4)
  log.add(event(7, 1))
  expect([log.firstBehind({ index: 5, place: 0 }), log.firstBehind({ index: 6, place: 9 })]).toEqual([null, null])
  expect(log.firstBehind({ index: 7, place: 0 })).toBe(0)
})

it.each([
  ['12.3', { index: 12, place: 3 }],
  ['12', null],
  ['12.', null],
  ['.1', null],
  ['1.2.3', null],
  ['-1.0', null],
  ['9007199254740993.0', null],
  ['', null],
])('a position: %s', (text, position) => {
  expect(parsePosition(text)).toEqual(position)
})
