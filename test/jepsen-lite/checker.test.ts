import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { gapsBetweenGrants } from './checker/availability.js'
import { checkAll, checkLocks, checkRecovery } from './checker/index.js'
import { type Call, findImpossible, type Model } from './checker/linearizable.js'
import { MalformedHistory, readHistory } from './checker/operations.js'
import { plantedFaults } from './checker/planted-faults.js'
import { registerErrors } from './checker/registers.js'
import { shrink } from './checker/shrink.js'
import { simulateHistory } from './checker/simulated-history.js'
import { type HistoryEvent, NEMESIS } from './types.js'

const RIGHT_HISTORIES = 300
const WRONG_HISTORIES_OF_EACH_KIND = 20

const small = (seed: number): HistoryEvent[] =>
  simulateHistory({ seed, seconds: 12, clients: 4 + (seed % 12), locks: 1 + (seed % 3) })

describe('the checker on right histories', () => {
  it(`says nothing of ${RIGHT_HISTORIES} of them`, () => {
    const seen = { unknown: 0, cancelled: 0, late: 0, refused: 0, denied: 0 }
    for (let seed = 1; seed <= RIGHT_HISTORIES; seed++) {
      const history = small(seed)
      expect(checkLocks(history), `seed ${seed}`).toEqual([])
      const read = readHistory(history)
      seen.unknown += history.filter(({ type, f }) => type === 'info' && f === 'acquire').length
      seen.cancelled += history.filter(({ f }) => f === 'cancel').length
      seen.denied += history.filter(({ type, f }) => type === 'fail' && f === 'release').length
      seen.late += registerErrors(read, 'write').lost
      seen.refused += registerErrors(read, 'write-fenced').refused
    }
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(RIGHT_HISTORIES / 10)
  })

  it('reads a hundred thousand lines in seconds', { timeout: 30_000 }, () => {
    const history = simulateHistory({ seed: 1, seconds: 900, clients: 20, locks: 12 })
    expect(history.length).toBeGreaterThan(100_000)
    expect(checkLocks(history)).toEqual([])
  })
})

describe('the checker on wrong histories', () => {
  for (const { what, foundBy, plant } of plantedFaults) {
    it(`finds that ${what}`, () => {
      let planted = 0
      for (let seed = 1; planted < WRONG_HISTORIES_OF_EACH_KIND; seed++) {
        const history = plant(small(seed), new SeededRandom(seed))
        if (history === null) continue
        planted++
        const finding = checkLocks(history).find(({ check }) => check === foundBy)
        expect(finding, `${foundBy}, seed ${seed}`).toBeDefined()
        const piece = finding?.events ?? []
        expect(piece.length, `seed ${seed}: smallest piece`).toBeLessThanOrEqual(24)
        expect(
          checkLocks(piece).map(({ check }) => check),
          `seed ${seed}: the piece alone`,
        ).toContain(foundBy)
      }
    })
  }

  it('finds that a lock is not granted again after the faults', () => {
    const fault = (phase: string, seconds: number): HistoryEvent => {
      const value = { phase, target: 'n1' }
      return { type: 'info', process: NEMESIS, f: 'kill-leader', value, time: seconds * 1e9, workload: 'nemesis' }
    }
    const grant = (seconds: number): HistoryEvent => {
      return { type: 'ok', process: 1, f: 'acquire', value: { name: 'x' }, time: seconds * 1e9, workload: 'w' }
    }
    const faults = [grant(1), fault('start', 2), fault('end', 3)]
    expect(checkRecovery([...faults, grant(7)], 5_000)).toEqual([])
    const both = { ...grant(1), value: { names: 'x y@shared' } }
    const alone = [grant(7), { ...grant(7), value: { name: 'y' } }]
    expect(checkRecovery([both, ...faults.slice(1), ...alone], 5_000)).toEqual([])
    for (const history of [faults, [...faults, grant(9)], [both, ...faults.slice(1), grant(7)]]) {
      expect(checkRecovery(history, 5_000).map(({ check }) => check)).toEqual(['recovery'])
    }
  })

  it('counts the time in which somebody asks and nobody gets a lock', () => {
    const line = (type: HistoryEvent['type'], process: number, seconds: number): HistoryEvent => {
      return { type, process, f: 'acquire', value: { name: 'x' }, time: seconds, workload: 'w' }
    }
    const asked = [line('invoke', 1, 1), line('invoke', 2, 2), line('ok', 1, 4), line('fail', 2, 5)]
    const later = [line('invoke', 1, 20), line('ok', 1, 21), line('invoke', 2, 30), line('invoke', 1, 33)]
    expect(gapsBetweenGrants([...asked, ...later])).toEqual([
      { from: 1, to: 4 },
      { from: 4, to: 5 },
      { from: 20, to: 21 },
      { from: 30, to: 33 },
    ])
  })

  it('compares the tokens of different workloads', () => {
    const grant = (workload: string, process: number, time: number, token: number): HistoryEvent[] => [
      { type: 'invoke', process, f: 'acquire', value: { name: workload }, time, workload },
      { type: 'ok', process, f: 'acquire', value: { name: workload, token }, time: time + 1, workload },
    ]
    expect(checkAll([...grant('a', 1, 1, 8), ...grant('b', 2, 5, 9)], [])).toEqual([])
    expect(checkAll([...grant('a', 1, 1, 9), ...grant('b', 2, 5, 8)], []).map(({ check }) => check)).toEqual(['tokens'])
  })

  it('refuses a history that contradicts itself', () => {
    const line = (type: HistoryEvent['type'], time: number): HistoryEvent => {
      return { type, process: 1, f: 'acquire', value: { name: 'x' }, time, workload: 'w' }
    }
    expect(() => checkLocks([line('invoke', 1), line('invoke', 2)])).toThrow(MalformedHistory)
    expect(() => checkLocks([line('ok', 1)])).toThrow(MalformedHistory)
    expect(() => checkLocks([line('invoke', 2), line('ok', 1)])).toThrow(MalformedHistory)
  })
})

describe('the search', () => {
  type RegisterInput = { readonly write: number } | { readonly read: number }
  const register: Model<{ readonly value: number }, RegisterInput> = {
    initial: { value: 0 },
    key: ({ value }) => String(value),
    step: (state, input) => ('write' in input ? { value: input.write } : input.read === state.value ? state : null),
  }

  /** All orders, one by one. */
  function isLinearizable(calls: readonly Call<RegisterInput>[], state = register.initial): boolean {
    if (calls.every(({ to }) => to === null)) return true
    const earliestEnd = Math.min(...calls.map(({ to }) => to ?? Number.POSITIVE_INFINITY))
    return calls.some((call) => {
      const after = call.from <= earliestEnd ? register.step(state, call.input) : null
      const others = calls.filter((other) => other !== call)
      return after !== null && isLinearizable(others, after)
    })
  }

  const value = fc.integer({ min: 0, max: 2 })
  const call = fc
    .record({
      input: fc.oneof(
        value.map((write) => ({ write })),
        value.map((read) => ({ read })),
      ),
      from: fc.integer({ min: 0, max: 20 }),
      lasts: fc.option(fc.integer({ min: 1, max: 9 })),
    })
    .map(({ input, from, lasts }): Call<RegisterInput> => ({ input, from, to: lasts === null ? null : from + lasts }))

  it('agrees with trying all orders', () => {
    const verdicts = { right: 0, wrong: 0 }
    fc.assert(
      fc.property(fc.array(call, { maxLength: 6 }), (calls) => {
        const expected = isLinearizable(calls)
        verdicts[expected ? 'right' : 'wrong']++
        expect(findImpossible(register, calls) === null).toBe(expected)
      }),
      { numRuns: 3_000 },
    )
    expect(Math.min(verdicts.right, verdicts.wrong)).toBeGreaterThan(500)
  })

  it('shrinks to what is needed', () => {
    const items = Array.from({ length: 100 }, (_, index) => index)
    expect(shrink(items, (left) => left.includes(13) && left.includes(77))).toEqual([13, 77])
  })
})
