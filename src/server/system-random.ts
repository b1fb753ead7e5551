import { randomBytes } from 'node:crypto'
import { invariant } from '../invariant.js'
import type { Random } from '../platform.js'

const BITS_53 = 2 ** 53

/** The operating system's randomness. */
export const systemRandom: Random = {
  int(bound) {
    invariant(Number.isSafeInteger(bound) && bound > 0, 'random: the bound must be a positive safe integer')
    // Values past the last whole multiple of the bound are drawn again: otherwise small results would be more likely.
    const limit = BITS_53 - (BITS_53 % bound)
    for (;;) {
      const value = randomBits53()
      if (value < limit) return value % bound
    }
  },
  bytes: (count) => randomBytes(count),
}

function randomBits53(): number {
  const bytes = randomBytes(7)
  return (bytes.readUInt8(6) & 0x1f) * 2 ** 48 + bytes.readUIntLE(0, 6)
}
