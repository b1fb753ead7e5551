import { expect, it } from 'vitest'
import { NameIndex } from '../../../src/service/reads/name-index.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

it('gives the next name, whatever comes and goes, as a sorted list would', () => {
  const random = new SeededRandom(7)
  const index = new NameIndex()
  const model = new Set<string>()
  const name = () => `n${random.int(6_000).toString(36)}`
  for (let step = 0; step < 30_000; step += 1) {
    const one = name()
    // It fills, then it empties: blocks are split, and go.
    if (random.int(3) === (step < 15_000 ? 0 : 1) || (step > 25_000 && random.int(3) > 0)) {
      index.delete(one)
      model.delete(one)
    } else {
      index.add(one)
      model.add(one)
    }
    if (step % 1_000 !== 0) continue
    expect(index.size, `step ${step}`).toBe(model.size)
    const sorted = [...model].sort()
    for (let look = 0; look < 50; look += 1) {
      const from = name()
      expect(index.from(from)).toBe(sorted.find((other) => other >= from) ?? null)
      expect(index.after(from)).toBe(sorted.find((other) => other > from) ?? null)
    }
  }
  const walked: string[] = []
  for (let next = index.from(''); next !== null; next = index.after(next)) walked.push(next)
  expect(walked).toEqual([...model].sort())
})

it('is empty, and says so', () => {
  const index = new NameIndex()
  index.delete('a')
  expect([index.size, index.from(''), index.after('a')]).toEqual([0, null, null])
  index.add('a')
  index.delete('a')
  expect([index.size, index.from('')]).toEqual([0, null])
})
