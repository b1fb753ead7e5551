import { isLocalTarget, type Message, MsgType, message } from '../../src/raft/core/messages.js'
import { isVoter } from '../../src/raft/core/quorum/joint.js'
import { type Index, NONE, type RaftId, type Snapshot } from '../../src/raft/core/types.js'
import { describeEntries, describeMessage, describeReady, roleName } from './describe.js'
import { type ConfigTemplate, ScenarioNode } from './interaction-node.js'
import { Output } from './interaction-output.js'
import { describeProgressMap } from './notation.js'

/** Two followers that take each other for the leader pass a proposal on for ever. */
const MAX_ROUNDS = 1_000

/** Whom messages are for, and whether they arrive. */
export interface Recipient {
  readonly id: RaftId
  readonly drop: boolean
}

/** The nodes of a scenario, numbered from 1, and the messages between them: one queue, taken out as commands say. */
export class InteractionEnv {
  readonly output = new Output()
  readonly #nodes: ScenarioNode[] = []
  #messages: Message[] = []

  get nodeCount(): number {
    return this.#nodes.length
  }

  node(id: RaftId): ScenarioNode {
    const node = this.#nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  /** Adds nodes that all start from `bootstrap`; from nothing if its index is 0. */
  addNodes(count: number, template: ConfigTemplate, bootstrap: Snapshot): void {
    for (let i = 0; i < count; i++) this.#nodes.push(new ScenarioNode(this.#nodes.length + 1, template, bootstrap))
  }

  // ------------------------------------------------------------------------------------------ work of a node

  processReady(id: RaftId): void {
    const node = this.node(id)
    const ready = node.raw.ready()
    this.output.write(describeReady(ready))
    if (!node.asyncStorageWrites) {
      node.append(ready.hardState, ready.entries, ready.snapshot)
      node.apply(ready.committedEntries)
    }
    for (const m of ready.messages) {
      if (m.type === MsgType.storageAppend) node.appendWork.push(m)
      else if (m.type === MsgType.storageApply) node.applyWork.push(m)
      else this.#messages.push(m)
    }
    if (!node.asyncStorageWrites) node.raw.advance()
  }

  /** Carries out one order of the append thread. */
  processAppendThread(id: RaftId): void {
    const node = this.node(id)
    const m = node.appendWork.shift()
    if (m === undefined) {
      this.output.write('no append work to perform')
      return
    }
    this.#describeWork(m)
    const hasHardState = m.term !== 0 || m.vote !== NONE || m.commit !== 0
    node.append(hasHardState ? { term: m.term, vote: m.vote, commit: m.commit } : null, m.entries, m.snapshot)
    this.#respond(m)
  }

  /** Carries out one order of the apply thread. */
  processApplyThread(id: RaftId): void {
    const node = this.node(id)
    const m = node.applyWork.shift()
    if (m === undefined) {
      this.output.write('no apply work to perform')
      return
    }
    this.#describeWork(m)
    node.apply(m.entries)
    this.#respond(m)
  }

  #describeWork(m: Message): void {
    this.output.line('Processing:')
    this.output.line(describeMessage({ ...m, responses: [] }))
  }

  #respond({ responses }: Message): void {
    this.output.line('Responses:')
    for (const m of responses) this.output.line(describeMessage(m))
    this.#messages.push(...responses)
  }

  restart(id: RaftId): void {
    this.#messages = this.#messages.filter((m) => !(m.to === id && isLocal(m)))
    this.node(id).restart()
  }

  // -------------------------------------------------------------------------------------------- messages

  /** Takes out the messages for each recipient in turn. `keep`: the network holds a copy of each, to deliver it again. */
  deliver(recipients: readonly Recipient[], type: MsgType | null, keep: boolean): number {
    let count = 0
    for (const recipient of recipients) {
      const taken = this.#messages.filter((m) => isFor(m, recipient, type))
      this.#messages = this.#messages.filter((m) => !isFor(m, recipient, type))
      if (keep) this.#messages.push(...taken.filter((m) => !isLocal(m)))
      count += taken.length
      for (const m of taken) this.#arrive(m, recipient)
    }
    return count
  }

  #arrive(m: Message, { id, drop }: Recipient): void {
    this.output.line(`${drop ? 'dropped: ' : ''}${describeMessage(m)}`)
    if (drop) return
    const refusal = this.node(id).raw.step(m)
    if (refusal !== null) this.output.line(refusal)
  }

  sendSnapshot(from: RaftId, to: RaftId): void {
    const { raw, storage } = this.node(from)
    const m = message(MsgType.snap, to, from, { term: raw.status().term, snapshot: storage.snapshot() })
    this.#messages.push(m)
    this.output.write(describeMessage(m))
  }

  /** Ready, deliver, append, apply, until nobody has anything left to do. */
  stabilize(ids: readonly RaftId[]): void {
    let busy = true
    for (let rounds = 0; busy; rounds++) {
      if (rounds === MAX_ROUNDS) throw new Error(`not stable after ${MAX_ROUNDS} rounds`)
      busy = false
      const round = (has: (node: ScenarioNode) => boolean, title: string, work: (id: RaftId) => void): void => {
        for (const id of ids) {
          if (!has(this.node(id))) continue
          busy = true
          this.output.line(`> ${id} ${title}`)
          work(id)
        }
      }
      const inner = (work: () => void): void => this.output.indented(work)
      round(
        ({ raw }) => raw.hasReady(),
        'handling Ready',
        (id) => inner(() => this.processReady(id)),
      )
      round(
        (node) => this.#messages.some((m) => m.to === node.id),
        'receiving messages',
        (id) => inner(() => this.deliver([{ id, drop: false }], null, false)),
      )
      round(
        (node) => node.appendWork.length > 0,
        'processing append thread',
        (id) => {
          while (this.node(id).appendWork.length > 0) inner(() => this.processAppendThread(id))
        },
      )
      round(
        (node) => node.applyWork.length > 0,
        'processing apply thread',
        (id) => {
          while (this.node(id).applyWork.length > 0) inner(() => this.processApplyThread(id))
        },
      )
    }
  }

  // ---------------------------------------------------------------------------------------------- views

  compact(id: RaftId, index: Index): void {
    this.node(id).storage.compact(index)
    this.raftLog(id)
  }

  raftLog(id: RaftId): void {
    const { storage } = this.node(id)
    const first = storage.firstIndex()
    const last = storage.lastIndex()
    if (last < first) {
      this.output.write(`log is empty: first index=${first}, last index=${last}`)
      return
    }
    this.output.write(describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY) ?? []))
  }

  raftState(): void {
    for (const { raw } of this.#nodes) {
      const { id, role, config, term, lead } = raw.status()
      const voter = isVoter(config.voters, id) ? '(Voter)' : '(Non-Voter)'
      this.output.line(`${id}: ${roleName(role)} ${voter} Term:${term} Lead:${lead}`)
    }
  }

  status(id: RaftId): void {
    this.output.write(describeProgressMap(this.node(id).raw.status().progress))
  }
}

function isFor(m: Message, { id, drop }: Recipient, type: MsgType | null): boolean {
  return m.to === id && !(drop && isLocal(m)) && (type === null || m.type === type)
}

/** Between the parts of one node: never lost, never repeated. */
function isLocal(m: Message): boolean {
  return m.from === m.to || isLocalTarget(m.from) || isLocalTarget(m.to)
}
