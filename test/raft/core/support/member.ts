import { decodeConfChange } from '../../../../src/raft/core/confchange/codec.js'
import type { RaftConfig } from '../../../../src/raft/core/config.js'
import { MemoryStorage } from '../../../../src/raft/core/log/memory-storage.js'
import { type Message, MsgType, message } from '../../../../src/raft/core/messages.js'
import { RawNode, type Ready } from '../../../../src/raft/core/raw-node.js'
import {
  ConfChangeTransition,
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  type RaftId,
  type ReadState,
  Role,
  type Term,
} from '../../../../src/raft/core/types.js'

import { SeededRandom } from '../../../../src/testing/seeded-random.js'

import { parseConfChanges } from '../../../scenarios/notation.js'

export const ELECTION_TICK = 10
export const HEARTBEAT_TICK = 1

export interface MemberOptions extends Partial<Omit<RaftConfig, 'storage' | 'trace'>> {
  /** Voters at the start. */
  readonly voters?: readonly RaftId[]
  readonly learners?: readonly RaftId[]
  /** Terms of the entries that are stored at the start, from index 1 on. */
  readonly log?: readonly Term[]
  readonly hardState?: Partial<HardState>
}

/**
 * One Raft member with a disk in memory that never fails: what its Readys ask for is done at once. `applied` is what its
 * state machine got; its data stands for the state machine in snapshots.
 */
export class Member {
  readonly id: RaftId
  readonly storage: MemoryStorage
  readonly applied: Entry[] = []
  readonly readStates: ReadState[] = []
  readonly node: RawNode
  #confState: ConfState

  constructor(options: MemberOptions = {}) {
    const { voters = [1, 2, 3], learners = [], log = [], hardState = {}, ...config } = options
    this.id = config.id ?? 1
    this.#confState = { ...EMPTY_CONF_STATE, voters, learners }
    this.storage = MemoryStorage.load({
      hardState: { ...EMPTY_HARD_STATE, ...hardState },
      snapshot: { metadata: { index: 0, term: 0, confState: this.#confState }, data: EMPTY_BYTES },
      prevIndex: 0,
      prevTerm: 0,
      entries: entriesFrom(1, log),
    })
    this.node = new RawNode({
      electionTick: ELECTION_TICK,
      heartbeatTick: HEARTBEAT_TICK,
      maxInflightMsgs: 256,
      randomInt: () => 0,
      ...config,
      id: this.id,
      storage: this.storage,
    })
  }

  get role(): Role {
    return this.node.status().role
  }

  get term(): Term {
    return this.node.status().term
  }

  get commit(): Index {
    return this.node.status().commit
  }

  get lead(): RaftId {
    return this.node.status().lead
  }

  /** The log, after everything in it was stored. */
  get entries(): Entry[] {
    const { storage } = this
    return storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Number.POSITIVE_INFINITY) ?? []
  }

  get terms(): Term[] {
    return this.entries.map(({ term }) => term)
  }

  /** Carries out all that is to be done. Returns the messages that left. */
  run(): Message[] {
    const sent: Message[] = []
    while (this.node.hasReady()) {
      const ready = this.node.ready()
      this.#carryOut(ready)
      sent.push(...ready.messages)
      this.node.advance()
    }
    return sent
  }

  #carryOut({ hardState, snapshot, entries, committedEntries, readStates }: Ready): void {
    if (hardState !== null) this.storage.setHardState(hardState)
    if (snapshot !== null) {
      this.storage.applySnapshot(snapshot)
      this.#confState = snapshot.metadata.confState
    }
    this.storage.append(entries)
    for (const entry of committedEntries) {
      this.applied.push(entry)
      if (entry.type === EntryType.normal) continue
      this.#confState = this.node.applyConfChange(decodeConfChange(entry.type, entry.data))
    }
    this.readStates.push(...readStates)
  }

  /** Takes a message from another member, at the member's own term unless told otherwise. Returns what it sends then. */
  receive(type: MsgType, from: RaftId, fields: Partial<Message> = {}): Message[] {
    this.node.step(message(type, this.id, from, { term: this.term, ...fields }))
    return this.run()
  }

  tick(times = 1): Message[] {
    const sent: Message[] = []
    for (let i = 0; i < times; i++) {
      this.node.tick()
      sent.push(...this.run())
    }
    return sent
  }

  campaign(): Message[] {
    this.node.campaign()
    return this.run()
  }

  propose(...texts: readonly string[]): Message[] {
    this.node.propose(...texts.map(bytesOf))
    return this.run()
  }

  /** Proposes a membership change, such as `v4 l3`. */
  proposeChange(text: string, transition: ConfChangeTransition = ConfChangeTransition.auto): Message[] {
    this.node.proposeConfChange({ transition, changes: parseConfChanges(text), context: EMPTY_BYTES })
    return this.run()
  }

  /** Puts a membership change in force as if its entry had been applied. */
  applyChange(text: string, transition: ConfChangeTransition = ConfChangeTransition.auto): Message[] {
    this.#confState = this.node.applyConfChange({ transition, changes: parseConfChanges(text), context: EMPTY_BYTES })
    return this.run()
  }

  /** Wins an election with the votes of all other voters. Returns the appends by which it makes itself known. */
  win(): Message[] {
    const sent = this.campaign()
    const requests = sent.filter(({ type }) => type === MsgType.vote || type === MsgType.preVote)
    for (const { type, to, term } of requests) {
      const answer = type === MsgType.vote ? MsgType.voteResp : MsgType.preVoteResp
      sent.push(...this.receive(answer, to, { term }))
    }
    assertLeads(this)
    return sent.filter(({ type }) => type === MsgType.app)
  }

  /** As `win`, and its empty first entry is committed and known to be so by all. */
  winAndCommit(): void {
    const appends = this.win()
    while (appends.length > 0) {
      const append = appends.shift()
      if (append?.type === MsgType.app) appends.push(...this.accept(append))
    }
  }

  /** The receiver of an append has stored it: its answer arrives. Returns what is sent then. */
  accept(append: Message): Message[] {
    return this.receive(MsgType.appResp, append.to, { index: append.index + append.entries.length })
  }

  /** Compacts the log up to `index` behind a snapshot of what is applied, at the same or a later index. */
  compact(index: Index, snapshotIndex = index): void {
    this.storage.createSnapshot(snapshotIndex, this.#confState, EMPTY_BYTES)
    this.storage.compact(index)
  }
}

function assertLeads({ role }: Member): void {
  if (role !== Role.leader) throw new Error('the member did not win: are there pre-votes or learners to be asked?')
}

/** Entries without data, one for each term. */
export function entriesFrom(firstIndex: Index, terms: readonly Term[]): Entry[] {
  return terms.map((term, i) => entry(term, firstIndex + i))
}

export function entry(term: Term, index: Index, text = ''): Entry {
  return { term, index, type: EntryType.normal, data: bytesOf(text) }
}

/** Entries as a caller proposes them: the leader gives them their place. */
export function proposals(...texts: readonly string[]): Entry[] {
  return texts.map((text) => entry(0, 0, text))
}

export function bytesOf(text: string): Uint8Array {
  return text === '' ? EMPTY_BYTES : new TextEncoder().encode(text)
}

export function textOf({ data }: Entry): string {
  return new TextDecoder().decode(data)
}

/** Integers below `bound` that depend on the seed alone. */
export function seededInt(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed)
  return (bound) => random.int(bound)
}
