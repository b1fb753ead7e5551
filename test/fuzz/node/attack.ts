import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { Trail } from '../area.js'
import type { Memory } from '../client-grammar.js'
import type { FuzzedNode } from './fuzzed-node.js'

/** What those who attack one node in one case have in common. */
export interface Attack {
  readonly node: FuzzedNode
  readonly random: SeededRandom
  readonly trail: Trail
  /** What none of them may be told. */
  readonly words: readonly string[]
  /** What an honest client of TLS says first. */
  readonly hello: Buffer
  /** Of sessions that one of them began and another may resume. */
  readonly memories: Memory[]
}
