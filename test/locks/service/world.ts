/**
 * One world: a model and three machines that apply the same commands in step. One checks itself after every entry; one is now
 * and then replaced by a copy that a snapshot made while commands went on. After each entry all that is told and all that is
 * kept must be alike.
 */
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import type { Effect } from '../../../src/locks/effects.js'
import { GRANTS_PER_ENTRY_MAX } from '../../../src/locks/limits.js'
import { type Genesis, LockMachine } from '../../../src/locks/machine.js'
import type { SnapshotRestorer } from '../../../src/raft/ports/state-machine.js'
import type { SnapshotSource } from '../../../src/raft/ports/store.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { adopt, playFormer } from './adopt.js'
import { comparableTold, countedBy, dumpMachine, dumpModel, toldBy, viewByMachine, viewByModel } from './dump.js'
import { Model } from './model/model.js'
import { Workload } from './workload.js'

const LEVEL = 2
const NODES = ['n1', 'n2', 'n3']

/** The counter begins with 0, so that each entry's tokens and session ids follow from its index alone, see `STRIDE`. */
export const GENESIS: Genesis = {
  clusterId: 'test-cluster',
  nodeLeaseMs: 10_000,
  createdUnixSeconds: 0,
  members: NODES.map((nodeId, i) => ({ raftId: i + 1, nodeId, peerAddress: `${nodeId}:7655` })),
}

/** Entries are so far apart that a command can be taken out of a history and all later ones still mean what they meant. */
const STRIDE = 1_000

export interface Entry {
  readonly index: number
  readonly command: Command
}

/** What the model and the machines, or the machines among themselves, disagree about. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}

export class World {
  readonly machine = new LockMachine(GENESIS, { checkEachEntry: true })
  readonly model: Model
  readonly history: Entry[] = []
  readonly #seed: number
  readonly #random: SeededRandom
  #copy = new LockMachine(GENESIS)
  /** What is held, by what a watch would tell. */
  readonly #watched = new Map<number, string>()
  #moving: Moving | null = null
  #restores = 0
  /** The entry grants something to others first, which the view of a resume in it does not show. */
  #hasLeftOver = false
  /** What happened, and how often. */
  readonly counts = new Map<string, number>()

  constructor(seed: number, former = 0) {
    this.#seed = seed
    this.#random = new SeededRandom(seed + 2)
    this.model = new Model(0, GENESIS.nodeLeaseMs, new SeededRandom(seed + 1), GRANTS_PER_ENTRY_MAX)
    this.#begin(former)
  }

  get restores(): number {
    return this.#restores
  }

  /** Three nodes with programs of level 2 in a cluster of that level; before it rose it did `former` commands of level 1. */
  #begin(former: number): void {
    let index = 0
    const both = (bytes: Uint8Array) => {
      index++
      for (const machine of [this.machine, this.#copy]) applyTo(machine, index, bytes)
    }
    playFormer(this.machine, this.#random, former, both)
    for (const [at, node] of NODES.entries()) {
      const [epoch, expected] = [10_000 + at, this.machine.currentEpoch(node)]
      const up = { node, epoch, expected, dead: 0, address: `${node}:7654`, peer: '', programLevel: LEVEL }
      both(encodeCommand({ type: CommandType.nodeUp, ...up }))
    }
    both(encodeCommand({ type: CommandType.setLevel, to: LEVEL, expected: LEVEL - 1 }))
    adopt(this.model, this.machine)
    for (const { token, lock, phase } of this.machine.inspect().holds.values()) {
      if (phase === 'held') this.#watched.set(token, lock.name)
    }
  }

  /** Plays so many commands of a workload. */
  play(steps: number): void {
    const workload = new Workload(() => this.model, new SeededRandom(this.#seed))
    for (let step = 1; step <= steps; step++) this.apply(step * STRIDE, workload.next())
  }

  /** Ends all that is there, by the ways that are there for it; then nothing may be left that costs memory. */
  clear(): void {
    let index = (this.history.at(-1)?.index ?? 0) + 1
    const apply = (command: Command) => this.apply(index++, command)
    const wallMs = 9_000
    for (const { id, attach, place } of [...this.model.sessions]) {
      if (place === null) apply({ type: CommandType.expireSession, session: id, attach, wallMs })
      else
        apply({ type: CommandType.end, node: place.node, epoch: place.epoch, session: id, attach, bye: true, wallMs })
    }
    for (const { name, token } of [...this.model.holds]) {
      for (const clock of [0, 1, 2]) apply({ type: CommandType.timeOver, name, token, clock, wallMs })
    }
    this.#clearStanding(apply)
    this.#checkEmpty()
  }

  /** What stands though nobody holds anything: freezes, pins, marks. */
  #clearStanding(apply: (command: Command) => void): void {
    const node = 'n1'
    const [epoch, expected] = [7, this.model.current.get(node) ?? 0]
    apply({ type: CommandType.nodeUp, node, epoch, expected, dead: 0, address: '', peer: '', programLevel: LEVEL })
    const opening = { node, epoch, conn: 1, floor: 1, clientId: '', identity: '', secretHash: '' }
    apply({ type: CommandType.open, ...opening, leaseMs: 5_000, lingerMs: 0 })
    const session = this.model.sessions.at(-1)?.id ?? 0
    const attachment = { node, epoch, session, attach: 1 }
    let n = 0
    const asking = () => ({ ...attachment, n: ++n, ack: 0, request: n })
    const { freezes, pins, marks } = this.model.table
    for (const prefix of [...freezes.keys()]) apply({ type: CommandType.thaw, ...asking(), prefix })
    for (const name of [...pins.keys()]) apply({ type: CommandType.resize, ...asking(), name, limit: 0 })
    for (const key of [...marks.keys()]) apply({ type: CommandType.forget, ...asking(), key })
    apply({ type: CommandType.end, ...attachment, bye: true, wallMs: 9_000 })
  }

  #checkEmpty(): void {
    const state = this.machine.inspect()
    const { sessions, holds, requests, locks, semaphores, several, due, frozenDue, marks, pins, freezes } = state
    const left = { sessions, holds, requests, locks, semaphores, several, due, frozenDue, marks, pins, freezes }
    for (const [what, { size }] of Object.entries(left)) {
      if (size > 0) throw new Disagreement(`nothing is there, and ${size} ${what} are`)
    }
    const { placeCount, resumableCount, metaBytes, tailableCount, reservedMarkCount } = state
    const counts = { placeCount, resumableCount, metaBytes, tailableCount, reservedMarkCount }
    for (const [what, count] of Object.entries(counts)) {
      if (count !== 0) throw new Disagreement(`nothing is there, and ${what} is ${count}`)
    }
  }

  /** The effects of the entry. */
  apply(index: number, command: Command): readonly Effect[] {
    this.history.push({ index, command })
    const bytes = encodeCommand(command, this.machine.level)
    this.#hasLeftOver = this.machine.inspect().due.size > 0
    const effects = applyTo(this.machine, index, bytes)
    this.#applyToCopy(index, bytes, effects)
    this.model.table.told = []
    this.model.table.counted = []
    this.model.apply(index, command)
    this.#compare(effects)
    this.#count(effects)
    return effects
  }

  #count(effects: readonly Effect[]): void {
    const leftOver = this.machine.inspect().due.size > 0 ? ['left over'] : []
    for (const what of [...effects.flatMap(wordsOf), ...leftOver])
      this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  #applyToCopy(index: number, bytes: Uint8Array, expected: readonly Effect[]): void {
    this.#moving?.read(this.#random)
    const effects = applyTo(this.#copy, index, bytes)
    if (canonical(effects) !== canonical(expected)) {
      throw new Disagreement(`a restored replica tells other things:\n${differences(expected, effects)}`)
    }
    this.#moving?.since.push({ index, bytes })
    if (this.#moving === null) {
      if (this.#random.chance(0.02)) this.#moving = new Moving(this.#copy, index)
    } else if (this.#moving.isComplete) {
      this.#copy = this.#moving.finish()
      this.#moving = null
      this.#restores++
      if (this.#copy.stateHash() !== this.machine.stateHash())
        throw new Disagreement('a restored replica is another state')
    }
  }

  #compare(effects: readonly Effect[]): void {
    const { told, counted } = this.model.table
    demandSame('the machine tells other things than the model', comparableTold(told), comparableTold(toldBy(effects)))
    demandSame('the machine has other times counted than the model', counted, countedBy(effects))
    demandSame('the machine has another state than the model', dumpModel(this.model), dumpMachine(this.machine))
    this.#checkEvents(effects)
    for (const effect of effects) {
      const session = this.model.sessions.find(({ id }) => effect.kind === 'resumed' && id === effect.session)
      if (effect.kind !== 'resumed' || session === undefined || this.#hasLeftOver) continue
      demandSame('a resume is told other things', viewByModel(this.model, session), viewByMachine(effect.view))
    }
    const stuck = this.model.table.stuck()
    if (stuck.length > 0) throw new Disagreement(`waits for ever: ${stuck.map(({ request }) => request).join()}`)
  }

  /** Who listens to all events knows who holds what. */
  #checkEvents(effects: readonly Effect[]): void {
    const events = effects.filter((effect) => effect.kind === 'event')
    for (const [at, { place, index, type, name, token }] of events.entries()) {
      if (place !== at) throw new Disagreement(`event ${place} of entry ${index} is the ${at}. one`)
      if (type === 'granted') this.#watched.set(token, name)
      else if (type === 'released' || type === 'lost') this.#watched.delete(token)
    }
    const held = this.model.holds.filter(({ phase }) => phase === 'held')
    const expected = held.map(({ token, name }) => [token, name] as const)
    const watched = [...this.#watched].sort(([a], [b]) => a - b)
    demandSame('events tell of other holds', expected, watched)
  }
}

/** One text for equal values, whatever the order of their keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function demandSame(what: string, expected: unknown, actual: unknown): void {
  if (JSON.stringify(expected) === JSON.stringify(actual)) return
  throw new Disagreement(`${what}:\n${differences(expected, actual)}`)
}

function applyTo(machine: LockMachine, index: number, bytes: Uint8Array): readonly Effect[] {
  machine.applyCommand(index, bytes)
  machine.endEntry(index)
  return machine.takeEffects()
}

/** What a table of what happened calls the effect. */
function wordsOf(effect: Effect): string[] {
  if (effect.kind === 'event') return [`event ${effect.type}`]
  if (effect.kind !== 'answered') return [effect.kind]
  const { answer } = effect
  if (answer.kind === 'not-granted') return [`refused ${answer.reason}`]
  if (answer.kind === 'error') return [`error ${answer.code}`]
  if (answer.kind === 'granted' && answer.grants.length > 1) return ['answer granted', 'granted several']
  return [`answer ${answer.kind}`]
}

/** A snapshot on its way, of a machine that goes on. */
class Moving {
  readonly since: { readonly index: number; readonly bytes: Uint8Array }[] = []
  readonly #source: SnapshotSource
  readonly #restorer: SnapshotRestorer
  readonly #index: number
  readonly #copy = new LockMachine({ ...GENESIS, clusterId: 'another', createdUnixSeconds: 5 })
  isComplete = false

  constructor(of: LockMachine, index: number) {
    this.#source = of.snapshot()
    this.#restorer = this.#copy.beginRestore()
    this.#index = index
  }

  read(random: SeededRandom): void {
    if (this.isComplete) return
    const chunk = this.#source.next(1 + random.int(600))
    if (chunk === null) this.isComplete = true
    else this.#restorer.push(chunk)
  }

  finish(): LockMachine {
    this.#restorer.end()
    this.#restorer.finish(this.#index)
    for (const { index, bytes } of this.since) applyTo(this.#copy, index, bytes)
    return this.#copy
  }
}

/** The lines in which two values differ, the first's with `-`, the second's with `+`. */
function differences(expected: unknown, actual: unknown): string {
  const lines = (value: unknown): string[] => {
    if (Array.isArray(value)) return value.map((one) => canonical(one))
    return Object.entries(value as Record<string, unknown>).flatMap(([key, part]) =>
      Array.isArray(part) ? part.map((one) => `${key} ${canonical(one)}`) : [`${key} ${canonical(part)}`],
    )
  }
  const [before, after] = [lines(expected), lines(actual)]
  const missing = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
  const surplus = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
  return (
    [...missing, ...surplus]
      .slice(0, 20)
      .map((line) => line.slice(0, 600))
      .join('\n') || 'the same in another order'
  )
}

/** The disagreement that this history leads to, or null. */
export function replay(history: readonly Entry[], seed: number): Error | null {
  const world = new World(seed, formerOf(seed))
  try {
    for (const { index, command } of history) if (index >= STRIDE) world.apply(index, command)
    world.clear()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** As few commands of the history as still lead to a disagreement of the same kind; takes out halves, quarters, … */
export function shrunk(history: readonly Entry[], seed: number): readonly Entry[] {
  const kindOf = (error: Error | null) => error?.message.split('\n', 1)[0]?.replace(/\d+/g, 'N')
  const wanted = kindOf(replay(history, seed))
  if (wanted === undefined) return history
  let left = history.filter(({ index }) => index >= STRIDE)
  for (let size = left.length >> 1; size >= 1; ) {
    const before = left.length
    for (let at = 0; at < left.length; ) {
      const fewer = [...left.slice(0, at), ...left.slice(at + size)]
      if (kindOf(replay(fewer, seed)) === wanted) left = fewer
      else at += size
    }
    if (size > 1 || left.length === before) size >>= 1
  }
  return left
}

/** Some clusters have done something at level 1 before. */
const formerOf = (seed: number): number => (seed % 3 === 0 ? 40 + (seed % 200) : 0)

/** Plays a world; what is wrong is thrown with its seed and the shortest history that shows it. */
export function playWorld(seed: number, steps: number): World {
  const world = new World(seed, formerOf(seed))
  try {
    world.play(steps)
    world.clear()
    return world
  } catch (error) {
    const few = shrunk(world.history, seed)
    const last = replay(few, seed) ?? error
    const commands = few.map(({ index, command }) => `  ${index} ${nameOf(command)} ${JSON.stringify(command)}`)
    const message = last instanceof Error ? (last.stack ?? last.message) : String(last)
    throw new Error(`seed ${seed}: ${message}\nafter\n${commands.join('\n')}`, { cause: error })
  }
}

function nameOf({ type }: Command): string {
  return Object.entries(CommandType).find(([, number]) => number === type)?.[0] ?? String(type)
}
