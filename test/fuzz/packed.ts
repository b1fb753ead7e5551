/** msgpack values that look like what peers say, with fields missing, at their extremes, or of another type. */
import { pack } from 'msgpackr'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { damaged, EXTREME_INTEGERS, freeText } from './values.js'

const ODD: readonly unknown[] = [
  null,
  undefined,
  true,
  '',
  '7',
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2n ** 63n,
  [],
  {},
  '../../etc',
]

function integer(random: SeededRandom): unknown {
  if (random.chance(0.6)) return 1 + random.int(50)
  return random.chance(0.6) ? random.pick(EXTREME_INTEGERS) : ODD[random.int(ODD.length)]
}

function ids(random: SeededRandom): unknown {
  return random.chance(0.9) ? Array.from({ length: random.int(4) }, () => integer(random)) : ODD[random.int(ODD.length)]
}

function confState(random: SeededRandom): unknown {
  const sets = { voters: ids(random), learners: ids(random), votersOutgoing: ids(random), learnersNext: ids(random) }
  return random.chance(0.9) ? { ...sets, autoLeave: random.pick([true, false, 1]) } : ODD[random.int(ODD.length)]
}

function metadata(random: SeededRandom): unknown {
  const found = { index: integer(random), term: integer(random), confState: confState(random) }
  return random.chance(0.9) ? found : ODD[random.int(ODD.length)]
}

function text(random: SeededRandom): unknown {
  return random.chance(0.8) ? random.pick(['c1', 'n1', 'h1', freeText(random)]) : ODD[random.int(ODD.length)]
}

function members(random: SeededRandom): unknown {
  const one = { nodeId: text(random), raftId: integer(random), address: text(random) }
  return random.chance(0.8) ? Array.from({ length: random.int(3) }, () => one) : ODD[random.int(ODD.length)]
}

const SHAPES: readonly ((random: SeededRandom) => Record<string, unknown>)[] = [
  (random) => ({
    ...{ id: integer(random), sizeBytes: integer(random), metadata: metadata(random) },
    ...{ term: integer(random), from: integer(random), to: integer(random) },
  }),
  (random) => ({ id: integer(random), offset: integer(random), state: random.pick(['more', 'done', 'failed', '', 1]) }),
  (random) => ({
    ...{ clusterId: text(random), listHash: text(random), createdUnixSeconds: integer(random) },
    ...{ nodeLeaseMs: integer(random), confirmed: random.pick([true, false, 'yes']) },
  }),
  (random) => ({
    ...{ join: true, clusterId: text(random), raftId: integer(random) },
    members: members(random),
  }),
]

export function packed(random: SeededRandom): Uint8Array {
  const value = random.pick(SHAPES)(random)
  for (const key of Object.keys(value)) if (random.chance(0.03)) delete value[key]
  const bytes = pack(random.chance(0.02) ? ODD[random.int(ODD.length)] : value)
  return random.chance(0.1) ? damaged(random, bytes) : bytes
}
