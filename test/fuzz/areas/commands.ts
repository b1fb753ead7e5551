/**
 * Commands as a log may hold them: sensible ones, some with fields at their extremes, some with bytes changed. Applying
 * what decodes must not throw, and a snapshot taken meanwhile must restore to the same state.
 */
import { FormatError } from '../../../src/bytes/reader.js'
import { EncodingError } from '../../../src/bytes/writer.js'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import { decodeCommand, encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import { type Genesis, LockMachine } from '../../../src/locks/machine.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { seenOf } from '../../locks/service/seen.js'
import { Workload as ServiceWorkload } from '../../locks/service/workload.js'
import { type Choice, Workload } from '../../locks/workload.js'
import { type Area, Finding, Trail } from '../area.js'
import { checkState } from '../replicas.js'
import { damaged, freeText, integer, nameText } from '../values.js'

const COMMANDS = 400
const CHUNKS_A_COMMAND = 0.5

const GENESIS: Genesis = {
  clusterId: 'c1',
  nodeLeaseMs: 10_000,
  createdUnixSeconds: 1,
  members: ['n1', 'n2', 'n3'].map((nodeId, at) => ({ raftId: at + 1, nodeId, peerAddress: `${nodeId}:1` })),
}

class Case {
  readonly #random: SeededRandom
  readonly #trail = new Trail()
  readonly #machine = new LockMachine(GENESIS)
  /** Takes over from a snapshot on the way, and applies the rest itself. */
  #follower = new LockMachine(GENESIS)
  readonly #sensible: () => Command
  #index = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    const isService = this.#random.chance(0.6)
    if (isService) this.#raiseLevel()
    this.#sensible = isService ? this.#serviceWorkload(seed) : this.#baseWorkload()
  }

  #raiseLevel(): void {
    for (const [at, { nodeId: node }] of GENESIS.members.entries()) {
      const up = { node, epoch: 10_000 + at, expected: 0, dead: 0, address: '', peer: '', programLevel: SERVICE_LEVEL }
      this.#apply(encodeCommand({ type: CommandType.nodeUp, ...up }))
    }
    const to = { to: SERVICE_LEVEL, expected: this.#machine.level }
    this.#apply(encodeCommand({ type: CommandType.setLevel, ...to }))
  }

  #serviceWorkload(seed: number): () => Command {
    const workload = new ServiceWorkload(() => seenOf(this.#machine), new SeededRandom(seed + 1))
    return () => workload.next()
  }

  #baseWorkload(): () => Command {
    const workload = new Workload(this.#machine)
    const draw = (bound: number) => this.#random.int(bound)
    return () => {
      const choice: Choice = { kind: draw(100), who: draw(1_001), what: draw(1_001), odd: draw(40) }
      return workload.next(choice)
    }
  }

  run(): number {
    for (let at = 0; at < COMMANDS; at++) {
      const bytes = this.#nextBytes()
      if (bytes !== null) this.#trail.guard(() => this.#apply(bytes))
      if (this.#random.chance(0.01)) this.#trail.guard(() => this.#snapshotWhileApplying())
    }
    this.#trail.guard(() => {
      checkState(this.#machine, GENESIS, this.#index)
      if (this.#machine.stateHash() !== this.#follower.stateHash()) {
        throw new Finding('the follower has another state', this.#trail.lines)
      }
      this.#restoreGarbage()
    })
    return COMMANDS
  }

  /** Null: no node can have written that, its own encoder refuses. */
  #nextBytes(): Uint8Array | null {
    const random = this.#random
    const sensible = this.#sensible()
    const command = random.chance(0.3) ? this.#altered(sensible) : sensible
    let bytes: Uint8Array
    try {
      bytes = encodeCommand(command, this.#machine.level)
    } catch (error) {
      // The workload counts on from fields that are at their extremes already.
      if (error instanceof EncodingError) return null
      throw error
    }
    this.#trail.add(JSON.stringify(command))
    if (!random.chance(0.1)) return bytes
    const changed = damaged(random, bytes)
    this.#trail.add(`as ${Buffer.from(changed).toString('hex')}`)
    return this.#isCommand(changed) ? changed : null
  }

  #altered(command: Command): Command {
    return this.#alteredFields(command, ['type']) as unknown as Command
  }

  #alteredFields(record: object, but: readonly string[]): Record<string, unknown> {
    const random = this.#random
    const fields: Record<string, unknown> = { ...record }
    const keys = Object.keys(fields).filter((key) => !but.includes(key))
    for (let times = 1 + random.int(2); times > 0 && keys.length > 0; times--) {
      const key = random.pick(keys)
      fields[key] = this.#alteredValue(fields[key])
    }
    return fields
  }

  #alteredValue(value: unknown): unknown {
    const random = this.#random
    if (typeof value === 'number') return integer(random)
    if (typeof value === 'boolean') return !value
    if (typeof value === 'string') return random.chance(0.5) ? nameText(random) : freeText(random)
    if (!Array.isArray(value)) return value
    const items: unknown[] = value.map((item: object) => (random.chance(0.5) ? this.#alteredFields(item, []) : item))
    if (items.length === 0 || random.chance(0.2)) return []
    // As often as it may be asked, and once more.
    return random.chance(0.2) ? Array.from({ length: random.pick([2, 64, 65, 257]) }, () => items[0]) : items
  }

  #isCommand(bytes: Uint8Array): boolean {
    try {
      decodeCommand(bytes)
      return true
    } catch (error) {
      if (error instanceof FormatError) return false
      throw new Finding(`decoding threw ${String(error)}`, this.#trail.lines, { cause: error })
    }
  }

  #apply(bytes: Uint8Array): void {
    this.#index++
    for (const machine of [this.#machine, this.#follower]) {
      machine.applyCommand(this.#index, bytes)
      machine.endEntry(this.#index)
      machine.takeEffects()
    }
  }

  /** The image is of one index, while later commands change the state that is being written. */
  #snapshotWhileApplying(): void {
    const random = this.#random
    const index = this.#index
    const source = this.#machine.snapshot()
    const copy = new LockMachine(GENESIS)
    const restorer = copy.beginRestore()
    const since: Uint8Array[] = []
    for (;;) {
      const chunk = source.next(1 + random.int(2_000))
      if (chunk === null) break
      restorer.push(chunk)
      const bytes = random.chance(CHUNKS_A_COMMAND) ? this.#nextBytes() : null
      if (bytes === null) continue
      since.push(bytes)
      this.#apply(bytes)
    }
    restorer.end()
    restorer.finish(index)
    for (const [at, bytes] of since.entries()) {
      copy.applyCommand(index + at + 1, bytes)
      copy.endEntry(index + at + 1)
      copy.takeEffects()
    }
    this.#follower = copy
  }

  /** A stream that is no snapshot, or one that seems to be of a newer program, is refused, and the state stays what it was. */
  #restoreGarbage(): void {
    const random = this.#random
    const before = this.#follower.stateHash()
    const source = this.#machine.snapshot()
    const parts: Uint8Array[] = []
    for (let chunk = source.next(65_536); chunk !== null; chunk = source.next(65_536)) parts.push(chunk)
    const stream = damaged(random, Buffer.concat(parts))
    try {
      const restorer = this.#follower.beginRestore()
      for (let at = 0; at < stream.length; ) {
        const bytes = 1 + random.int(3_000)
        restorer.push(stream.slice(at, at + bytes))
        at += bytes
      }
      restorer.end()
      restorer.finish(this.#index)
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof OlderProgramError)) {
        throw new Finding(`restoring a damaged stream threw ${String(error)}`, this.#trail.lines, { cause: error })
      }
      if (this.#follower.stateHash() !== before) throw new Finding('half a snapshot was restored', this.#trail.lines)
    }
  }
}

export const commands: Area = {
  name: 'commands',
  what: 'commands of a log with fields at their extremes or bytes changed, through apply, snapshot and restore',
  through: 'memory',
  play: (seed) => new Case(seed).run(),
}
