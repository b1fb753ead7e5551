/** A few cases of each area with every run of the tests, but for whole nodes; `npm run fuzz` plays many. */
import { describe, expect, it } from 'vitest'
import { LockMachine } from '../../src/locks/machine.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { AREAS } from './areas/all.js'
import { commands } from './areas/commands.js'
import { bytesOf, Memory, sessionLine } from './client-grammar.js'

const CASES = 4
/** Another seed every day: what is found once is printed, and can be replayed. */
const FIRST_SEED = Math.floor(Date.now() / 86_400_000)

describe.each(AREAS.map(({ area }) => area).filter(({ isSlow }) => isSlow !== true))('$name', (area) => {
  it(`bears ${CASES} cases from seed ${FIRST_SEED}`, { timeout: 120_000 }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + CASES; seed++) {
      const again = `npm run fuzz -- --only ${area.name} --seed ${seed} --cases 1`
      await expect((async () => area.play(seed))(), again).resolves.toBeGreaterThan(0)
    }
    await area.close?.()
  })
})

describe('the fuzzer itself', () => {
  const lines = (seed: number) => {
    const random = new SeededRandom(seed)
    const memory = new Memory()
    return Array.from({ length: 2_000 }, () =>
      Buffer.from(bytesOf(random, sessionLine(random, memory))).toString('latin1'),
    )
  }

  it('writes the same lines for the same seed', () => {
    expect(lines(7)).toEqual(lines(7))
    expect(lines(7)).not.toEqual(lines(8))
  })

  it('reaches the numbers at which things broke before', () => {
    const text = lines(1).concat(lines(2), lines(3)).join('')
    for (const number of [2 ** 31, 2 ** 52, 2 ** 53 - 1, 2 ** 53]) expect(text).toMatch(new RegExp(`:${number}\\b`))
    expect(text).toMatch(/cancel,[^\n]*request:4503599627370496/)
    expect(text).toMatch(/ack:9007199254740991/)
  })

  it('notices a state that a snapshot does not keep', async () => {
    const { stateHash } = LockMachine.prototype
    let calls = 0
    LockMachine.prototype.stateHash = function (this: LockMachine) {
      return `${stateHash.call(this)} ${calls++}`
    }
    try {
      await expect((async () => commands.play(1))()).rejects.toThrow(/another state/)
    } finally {
      LockMachine.prototype.stateHash = stateHash
    }
  })
})
