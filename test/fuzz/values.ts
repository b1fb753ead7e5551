/** Values at which programs break: around the limits of numbers, names, texts and bytes. */
import type { SeededRandom } from '../../src/testing/seeded-random.js'

const POWERS = [8, 16, 31, 32, 40, 51, 52, 53, 63, 64]

/** Whole numbers around the powers of two and the limits of the protocol. */
export const EXTREME_INTEGERS: readonly number[] = [
  0,
  1,
  -1,
  ...POWERS.slice(0, 8).flatMap((power) => [2 ** power - 2, 2 ** power - 1, 2 ** power, 2 ** power + 1]),
  1_023,
  1_024,
  1_025,
  86_400,
  86_401,
  86_400_000,
]

const ODD_NUMBERS = [
  ...['-0', '-1', '+1', '1.5', '.5', '5.', '.', '-.5', '0.0000000001', '0.000000001', '1e3', '1e308', '1e400', '1E-5'],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '0x10',
    '0b1',
    '0o7',
    '1_000',
    '１',
    '٣',
    '1 000',
    ' 7 ',
    '',
    'null',
    'undefined',
  ],
  ...['00000000000000001', '0000000000000000', '9999999999999999', '99999999999999999', '9'.repeat(300), '1n', '1;2'],
  ...['18446744073709551615', '18446744073709551616', '9223372036854775807', '-9223372036854775808'],
]

/** Text of a number as a hostile client writes it. */
export function numberText(random: SeededRandom): string {
  if (random.chance(0.5)) return String(random.pick(EXTREME_INTEGERS))
  if (random.chance(0.5)) return String(random.int(20))
  return random.pick(ODD_NUMBERS)
}

export function integer(random: SeededRandom): number {
  return random.chance(0.6) ? random.pick(EXTREME_INTEGERS) : random.int(2 ** random.int(31))
}

/** Seconds: mostly short ones, which run out within a case. */
export function secondsText(random: SeededRandom): string {
  if (random.chance(0.5)) return random.pick(['0', '0.001', '0.5', '1', '3', '3.000000001', '30', '86400', '86400.001'])
  return numberText(random)
}

const FEW_NAMES = ['a', 'b', 'c', 'd', 'e/f', 'g.h']
const ODD_NAMES = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '-', '_', '0', '-rf', '..', '.', '/', 'a//b', 'a/../b'],
  ...[
    '',
    ' ',
    'a b',
    'a%20b',
    'a%2Cb',
    '%',
    '%zz',
    '%2',
    'ä',
    'a\u200b',
    '𝒳',
    'a:b',
    'a@shared',
    'a@1/2',
    'a@',
    '@',
    'A',
  ],
]

export function nameText(random: SeededRandom): string {
  if (random.chance(0.7)) return random.pick(FEW_NAMES)
  if (random.chance(0.6)) return random.pick(ODD_NAMES)
  return 'n'.repeat(random.pick([1, 254, 255, 256, 257, 1_000]))
}

const PIECES = [
  ...[
    '%2C',
    '%0A',
    '%0D',
    '%20',
    '%25',
    '%2c',
    '%0a',
    '%',
    '%2',
    '%00',
    '%C3',
    'é',
    '😀',
    '\u2028',
    '\ufeff',
    '"',
    '\\',
  ],
  ...['{', '}', '<b>', "'", '$', 'x', ':', '::', ' ', '\t', 'token:1', 'ok', '\\n', '\u202e', '\ud800', '\udc00\ud800'],
]

export function freeText(random: SeededRandom): string {
  if (random.chance(0.05)) return 'm'.repeat(random.pick([255, 256, 1_000, 4_000, 4_095, 4_096, 4_097]))
  return Array.from({ length: random.int(8) }, () => random.pick(PIECES)).join('')
}

/** Changes a few bytes: flips, cuts, doubles, or writes over what is there. */
export function damaged(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  let made = Uint8Array.from(bytes)
  for (let times = 1 + random.int(3); times > 0; times--) {
    const at = random.int(made.length + 1)
    switch (random.int(6)) {
      case 0:
        if (at < made.length) made[at] = (made[at] ?? 0) ^ (1 << random.int(8))
        break
      case 1:
        if (at < made.length) made[at] = random.pick([0, 1, 0x7f, 0x80, 0xc0, 0xc1, 0xff])
        break
      case 2:
        made = made.slice(0, at)
        break
      case 3:
        made = Uint8Array.from([...made.subarray(0, at), ...random.bytes(1 + random.int(9)), ...made.subarray(at)])
        break
      case 4:
        made = Uint8Array.from([...made.subarray(0, at), ...made.subarray(at + 1 + random.int(9))])
        break
      default:
        made.fill(random.pick([0, 0xff]), at, at + random.pick([1, 2, 4, 8]))
    }
  }
  return made
}

/** What one fault of a medium does: a bit, a byte, a whole sector or page, or the end. Nothing moves. */
export function faulty(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const made = Uint8Array.from(bytes)
  const at = random.int(made.length)
  const kind = random.int(20)
  if (kind === 0) return made.slice(0, at)
  if (kind < 6) {
    // What a medium loses at once begins where one of its units does: never parts of two pages.
    const unit = random.pick([1, 8, 512, 4_096])
    const from = at - (at % unit)
    made.fill(random.pick([0, 0xff]), from, from + unit)
  } else if (kind < 10) made[at] = random.int(256)
  else made[at] = (made[at] ?? 0) ^ (1 << random.int(8))
  return made
}
