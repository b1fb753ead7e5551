/**
 * One linear history: what any node applies is what the first one applied at that index (I3, I4, I6). The same commands
 * feed a reference state machine, by which the other checks judge.
 */
import { BASE_LEVEL, FEATURE_LEVEL } from '../../../src/feature-level.js'
import { levelOfCommand } from '../../../src/locks/commands/codec.js'
import type { Command } from '../../../src/locks/commands/commands.js'
import type { Answer, Effect } from '../../../src/locks/effects.js'
import type { Genesis, LockMachine } from '../../../src/locks/machine.js'
import {
  type ConfChangeSingle,
  type ConfState,
  EMPTY_CONF_STATE,
  type Index,
  membersOf,
} from '../../../src/raft/core/types.js'
import type { SnapshotRestorer, StateMachine } from '../../../src/raft/ports/state-machine.js'
import type { SnapshotSource } from '../../../src/raft/ports/store.js'
import type { Process } from '../process.js'
import { NEXT_COMMAND, PRESENT, type Program } from '../program.js'
import type { World } from '../world.js'
import type { ConfigCheck } from './config-check.js'

/** A node's whole state is compared after so many entries. */
const HASH_INTERVAL = 16
/** The genesis snapshot is of index 1. */
const FIRST_INDEX = 2

interface AppliedEntry {
  readonly commands: Uint8Array[]
  membership: string
}

export class LogCheck {
  reference: LockMachine | null = null
  /** For other checks: a command before it is applied, and what came of it. */
  onCommand: (command: Command) => void = () => undefined
  onEffect: (index: Index, effect: Effect) => void = () => undefined
  confStates: ConfState[] = []
  readonly #entries = new Map<Index, AppliedEntry>()
  readonly #hashes = new Map<Index, string>()
  /** Final answers by session and request: a repeat must be the same (I10, exactly once). */
  readonly #answers = new Map<string, { readonly answer: Answer; readonly index: Index }>()
  /** Requests that were told busy. */
  readonly #refused = new Set<string>()
  #complete: Index = FIRST_INDEX - 1
  #level = BASE_LEVEL
  #genesis: Genesis | null = null

  constructor(
    private readonly world: World,
    private readonly configs: ConfigCheck,
    private readonly onEntry: (index: Index) => void,
    /** It judges what nodes do, so it must know all that any of them does. */
    private readonly program: Program = PRESENT,
  ) {}

  get lastIndex(): Index {
    return this.#complete
  }

  /**
   * A client was given a final answer: it is the one that the log gave (I10). The log is the order in which everything
   * happened, so histories are linearizable if no request took effect before what was applied when it was made
   * (`askedAfter`).
   */
  told(client: string, session: number, request: number, askedAfter: Index, line: string): void {
    const known = this.#answers.get(`${session}/${request}`) ?? this.#givenToNobody(session, request)
    const words = line.split(',')
    if (words.includes('code:busy')) {
      // Said only of what was not proposed: nothing of it may be in the log, now or later.
      if (known !== undefined) this.world.fail(`${client} is told "${line}", the log says ${JSON.stringify(known)}`)
      this.#refused.add(`${session}/${request}`)
      return
    }
    if (known === undefined || !linesOf(known.answer).some((line) => line.every((part) => words.includes(part)))) {
      this.world.fail(`${client} is told "${line}", the log says ${JSON.stringify(known)}`)
    } else if (known.index <= askedAfter) {
      this.world.fail(`${client} is told "${line}" of entry ${known.index}; it asked after entry ${askedAfter}`)
    }
  }

  /** An answer given while the session was detached is told from the state: by a repeat, or after a snapshot (rule 9). */
  #givenToNobody(session: number, request: number): { readonly answer: Answer; readonly index: Index } | undefined {
    const given = this.reference?.session(session)?.answers.find(([id]) => id === request)
    return given && { answer: given[1], index: this.#complete }
  }

  began(genesis: Genesis): void {
    if (this.#complete >= FIRST_INDEX && JSON.stringify(genesis) !== JSON.stringify(this.#genesis)) {
      this.world.fail('a second cluster was formed beside the first')
      return
    }
    if (this.#complete >= FIRST_INDEX) return
    this.#genesis = genesis
    this.reference = new this.program.LockMachine(genesis)
    this.confStates = [{ ...EMPTY_CONF_STATE, voters: genesis.members.map(({ raftId }) => raftId) }]
  }

  /** The state machine that a node runs: the real one, and every entry compared on its way. */
  tap(process: Process, machine: LockMachine): StateMachine {
    return new TappedMachine(process, machine, this)
  }

  command(process: Process, index: Index, place: number, command: Uint8Array): void {
    const first = index > this.#complete
    if (first && index !== this.#complete + 1) {
      this.world.fail(`${process.name} applies entry ${index} after a gap: ${this.#complete} is the last one known`)
      return
    }
    const entry = this.#entry(index)
    const known = entry.commands[place]
    this.#checkLevel(process, index, command)
    if (known === undefined && first) {
      entry.commands.push(command.slice())
      this.onCommand(this.program.decodeCommand(command))
      this.reference?.applyCommand(index, command)
      if (levelOfCommand(command) > FEATURE_LEVEL) this.#newerApplied(command)
      this.#lookAtEffects(index)
    } else if (known === undefined || Buffer.compare(known, command) !== 0) {
      this.world.fail(`${process.name} applies at ${index} another command than the first node did`)
    }
  }

  /** Nothing of a level is in the log before the cluster has it. */
  #checkLevel(process: Process, index: Index, command: Uint8Array): void {
    const level = this.reference?.level ?? 0
    if (index > this.#complete && levelOfCommand(command) > level) {
      this.world.fail(
        `${process.name} applies at ${index} a command of level ${levelOfCommand(command)}, the cluster has ${level}`,
      )
    }
  }

  /** What the next level has brought is not only there, it is used. */
  #newerApplied(bytes: Uint8Array): void {
    const command: object = this.program.decodeCommand(bytes)
    if ('note' in command && command.note !== '') this.world.count('seen field of the next level')
    if ('type' in command && command.type === NEXT_COMMAND) this.world.count('seen command of the next level')
  }

  membership(
    process: Process,
    index: Index,
    confState: ConfState,
    changes: readonly ConfChangeSingle[],
    context: Uint8Array,
  ): void {
    const entry = this.#entry(index)
    const text = JSON.stringify([confState, changes, [...context]])
    if (index > this.#complete) {
      entry.membership = text
      this.configs.changed(this.confStates.at(-1) ?? confState, confState)
      this.confStates.push(confState)
      this.world.note(`config ${JSON.stringify(confState)} at ${index}`)
      this.reference?.applyMembership(index, confState, changes, context)
    } else if (entry.membership !== text) {
      this.world.fail(`${process.name} applies at ${index} another membership change than the first node did`)
    }
  }

  endEntry(process: Process, index: Index, commands: number, machine: LockMachine): void {
    const entry = this.#entry(index)
    if (entry.commands.length !== commands) {
      this.world.fail(
        `${process.name} applies ${commands} commands at ${index}, the first node ${entry.commands.length}`,
      )
    }
    if (index === this.#complete + 1) {
      this.#complete = index
      if (this.reference !== null) {
        this.reference.endEntry(index)
        this.#lookAtEffects(index)
        this.program.checkInvariants(this.reference)
      }
      this.onEntry(index)
    }
    if (index % HASH_INTERVAL === 0) this.state(process, index, machine)
  }

  /** The state after `index`, by whatever way it came about, is the same everywhere. */
  state(process: Process, index: Index, machine: LockMachine): void {
    const hash = machine.stateHash()
    const known = this.#hashes.get(index)
    if (known === undefined) this.#hashes.set(index, hash)
    else if (known !== hash) this.world.fail(`${process.name} has another state than others after entry ${index}`)
  }

  #entry(index: Index): AppliedEntry {
    const entry = this.#entries.get(index) ?? { commands: [], membership: '' }
    this.#entries.set(index, entry)
    return entry
  }

  /** After each command and not after the entry, as nodes do: who waits is asked of the state, and others may follow. */
  #lookAtEffects(index: Index): void {
    for (const effect of this.reference?.takeEffects() ?? []) this.#effect(index, effect)
  }

  #effect(index: Index, effect: Effect): void {
    const { world } = this
    const counted = COUNTED[effect.kind]
    if (counted !== undefined) world.count(counted)
    this.onEffect(index, effect)
    if (effect.kind === 'timed') world.count(`timed ${effect.clock}`)
    if (effect.kind === 'epochEnded') world.note(`epoch ${effect.epoch} of ${effect.node} ended`)
    else if (effect.kind === 'levelRaised') this.#levelRaised(index, effect.level)
    else if (effect.kind === 'answered') this.#answered(index, effect.session, effect.request, effect.answer)
  }

  /** By one, when every member of the configuration in force is up with a program that has it. */
  #levelRaised(index: Index, level: number): void {
    const { world, reference } = this
    if (level !== this.#level + 1) world.fail(`the level goes from ${this.#level} to ${level} at ${index}`)
    this.#level = level
    const nodes = new Map(reference?.members().map(({ raftId, nodeId }) => [raftId, nodeId]))
    for (const raftId of membersOf(this.confStates.at(-1) ?? EMPTY_CONF_STATE)) {
      const node = nodes.get(raftId) ?? ''
      const has = reference?.levelOfNode(node) ?? 0
      if (has < level) world.fail(`the level rises to ${level} at ${index}, and ${node} has ${has}`)
    }
  }

  #answered(index: Index, session: number, request: number, answer: Answer): void {
    this.world.count(`answer ${answer.kind}`)
    const key = `${session}/${request}`
    const known = this.#answers.get(key)
    if (this.#refused.has(key)) this.world.fail(`request ${key} was told busy, and is answered by the log`)
    if (known === undefined) this.#answers.set(key, { answer, index })
    else if (asGiven(known.answer) !== asGiven(answer)) {
      this.world.fail(`request ${key} was answered ${JSON.stringify(known.answer)} and then ${JSON.stringify(answer)}`)
    }
  }
}

/** What each effect is called in the counters of a run. */
const COUNTED: { readonly [K in Effect['kind']]?: string } = {
  nodeUp: 'epoch begun',
  epochEnded: 'epoch ended',
  resumed: 'session resumed',
  waitLeft: 'wait shortened',
  openRefused: 'open refused',
  resumeRefused: 'resume refused',
  resumeForbidden: 'resume by another identity',
  resumeOutdated: 'resume outdated',
  superseded: 'session superseded',
  queued: 'queued',
  lost: 'lost lock',
  ended: 'session ended',
  detached: 'session detached',
  nodeTooOld: 'node too old',
  levelRaised: 'level raised',
  membersChanged: 'members changed',
}

/** A repeated answer is the same, but that it says what has become of its holds since. */
function asGiven(answer: Answer): string {
  if (answer.kind !== 'granted') return JSON.stringify(answer)
  return JSON.stringify(answer.grants.map(({ name, token, limit }) => [name, token, limit]))
}

/** What the lines of this answer have in them: one line, or one a name. */
function linesOf(answer: Answer): readonly (readonly string[])[] {
  switch (answer.kind) {
    case 'granted':
      return answer.grants.map(({ name, token }) => ['ok', `name:${name}`, `token:${token}`])
    case 'error':
      // More permits than the limit is a code of its own only to the classic dialect.
      return [['err', `code:${answer.code === 'permits' ? 'limit' : answer.code}`]]
    case 'deadlock':
      return [['err', 'code:deadlock']]
    default:
      return [[answer.kind]]
  }
}

class TappedMachine implements StateMachine {
  #commands = 0
  #applied: Index = 0

  constructor(
    private readonly process: Process,
    private readonly machine: LockMachine,
    private readonly check: LogCheck,
  ) {}

  applyCommand(index: Index, command: Uint8Array): void {
    this.process.pass('before apply')
    if (this.process.isAlive) this.check.command(this.process, index, this.#commands++, command)
    this.machine.applyCommand(index, command)
  }

  endEntry(index: Index): void {
    this.machine.endEntry(index)
    this.#applied = index
    if (this.process.isAlive) this.check.endEntry(this.process, index, this.#commands, this.machine)
    this.#commands = 0
    this.process.pass('after apply')
  }

  applyMembership(index: Index, confState: ConfState, changes: readonly ConfChangeSingle[], context: Uint8Array): void {
    if (this.process.isAlive) this.check.membership(this.process, index, confState, changes, context)
    this.machine.applyMembership(index, confState, changes, context)
  }

  snapshot(): SnapshotSource {
    this.process.world.count('snapshot made')
    this.check.state(this.process, this.#applied, this.machine)
    return this.machine.snapshot()
  }

  beginRestore(): SnapshotRestorer {
    const restorer = this.machine.beginRestore()
    return {
      push: (chunk) => restorer.push(chunk),
      end: () => restorer.end(),
      finish: (index) => {
        restorer.finish(index)
        this.#applied = index
        if (this.process.isAlive && index >= FIRST_INDEX) {
          this.process.world.count('snapshot restored')
          if (this.machine.level > FEATURE_LEVEL) this.process.world.count('seen snapshot of the next level')
          this.check.state(this.process, index, this.machine)
        }
      },
    }
  }

  stateHash(): string {
    return this.machine.stateHash()
  }
}
