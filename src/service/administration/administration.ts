/** Administration by lines of the session dialect (docs/protocol.md). Whatever changes the cluster is done by the leader. */
import { encodeMemberContext } from '../../locks/state/members.js'
import type { Clock, Timer } from '../../platform.js'
import { joined, type NeutralReply, neutral } from '../../protocol/replies.js'
import { ConfChangeType } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { NodeRefusal } from '../../raft/node/node-errors.js'
import type { LooksFirst } from '../../raft/ports/looks-first.js'
import type { Greeting } from '../../raft/ports/transport.js'
import { FrameKind, Lane, PeerProtocolError } from '../../raft/ports/transport.js'
import type { Audit, AuditRecord } from '../access/audit.js'
import type { AdminRequest } from '../dialects/connection-context.js'
import { ADMIN_ANSWER_MS, CONTACT_MS, CONTACT_POLL_MS, PROMOTION_MAX_LAG_ENTRIES } from '../limits.js'
import type { MemberReport } from '../status.js'
import {
  type AdminAnswer,
  type AdminOperation,
  AdminRefusal,
  decodeAnswer,
  decodeOperation,
  encodeFrame,
  type RefusalCode,
} from './frames.js'
import { holdLevel, type LevelView, levelRows } from './levels.js'
import { successor } from './member-reports.js'
import { judgeGreeting, readNewAddress } from './new-address.js'

/** These change nothing. */
const READS: ReadonlySet<string> = new Set(['.members', '.upgrade'])
/** These are about the whole cluster, and name no node. */
const OF_ALL: ReadonlySet<string> = new Set(['.upgrade-hold', '.upgrade-finish'])

export interface AdministrationOptions {
  readonly node: NodeApi
  readonly clock: LooksFirst<Clock>
  readonly requestTimeoutMs: number
  readonly audit: Audit
  members(): readonly MemberReport[]
  /** The state as it is at the moment of the question. */
  readonly levels: LevelView
  /** Who answers at this HOST:PORT. Never rejects. */
  greet(address: string): Promise<Greeting>
  log(message: string): void
}

type Done = (answer: AdminAnswer) => void

/** What a membership change says of a member. */
type Place = Pick<MemberReport, 'node' | 'raftId' | 'peer'>
type Part = readonly [ConfChangeType, Place]

const DONE: AdminAnswer = { rows: [['done']], count: false }

interface Forwarded {
  readonly done: Done
  readonly timer: Timer
}

const NODE_ID = /^[A-Za-z0-9_.-]{1,64}$/

export class Administration {
  /** What the leader was asked and has not answered, by the number that travels with it. */
  readonly #forwarded = new Map<number, Forwarded>()
  #lastNumber = 0
  /** What waits until this node, which has just won an election, has applied an entry of its own term. */
  #untilReady: (() => void)[] = []

  constructor(private readonly options: AdministrationOptions) {}

  /** One of `ADMIN_ACTIONS`, of a client that may ask for it. The answer comes once, perhaps later. */
  handle({ line, caller, remote, reply }: AdminRequest): void {
    const id = line.get('id')
    const operation = {
      action: line.action,
      node: line.get('node') ?? '',
      peer: line.get('peer') ?? '',
      replaces: line.get('replaces') ?? '',
    }
    const done: Done = (answer) => {
      if (!READS.has(line.action)) this.#writeDown({ caller, remote }, operation, answer)
      reply(formatAnswer(answer, id))
    }
    if (line.action === '.members') {
      done({ rows: this.#memberRows(), count: true })
    } else if (line.action === '.upgrade') {
      done(levelRows(this.options.levels, this.options.members()))
    } else if (!OF_ALL.has(line.action) && !NODE_ID.test(operation.node)) {
      done(refusal('bad-request', 'node: the id of a node is needed'))
    } else {
      this.options.log(`${remote} asks for ${words(operation)}`)
      if (this.options.node.isLeader()) this.#perform(operation, done)
      else this.#forward(operation, done)
    }
  }

  #writeDown(
    who: Pick<AuditRecord, 'caller' | 'remote'>,
    { action, node }: AdminOperation,
    { rows }: AdminAnswer,
  ): void {
    const [word, ...keys] = rows[0] ?? []
    const message = keys.find(([key]) => key === 'message')?.[1]
    this.options.audit.record({
      ...who,
      action,
      ...(NODE_ID.test(node) ? { name: node } : {}),
      result: word === 'err' ? 'failed' : 'done',
      ...(message === undefined ? {} : { reason: String(message) }),
    })
  }

  /** This leader has become ready, or another one leads. */
  onLeadership(): void {
    const waiting = this.#untilReady
    this.#untilReady = []
    for (const goOn of waiting) goOn()
  }

  /** A frame of kind admin or adminResult. */
  onPeerFrame(from: string, kind: FrameKind, payload: Uint8Array): void {
    if (kind === FrameKind.adminResult) {
      const frame = decodeAnswer(payload)
      if (frame === null) throw new PeerProtocolError('malformed answer of an administration')
      const waiting = this.#forwarded.get(frame.number)
      if (waiting === undefined) return
      this.#forwarded.delete(frame.number)
      waiting.timer.cancel()
      waiting.done(frame.body)
      return
    }
    const frame = decodeOperation(payload)
    if (frame === null) throw new PeerProtocolError('malformed administration')
    this.#perform(frame.body, (body) => {
      this.options.node.sendPeer(from, Lane.control, FrameKind.adminResult, encodeFrame({ number: frame.number, body }))
    })
  }

  #forward(operation: AdminOperation, done: Done): void {
    const { node, clock, requestTimeoutMs } = this.options
    const number = ++this.#lastNumber
    const leader = node.leader()
    const payload = encodeFrame({ number, body: operation })
    if (leader === null || !node.sendPeer(leader, Lane.control, FrameKind.admin, payload)) {
      done(refusal('no-quorum', 'no leader is known or it cannot be reached'))
      return
    }
    const timer = clock.after(Math.max(requestTimeoutMs, ADMIN_ANSWER_MS), () => {
      this.#forwarded.delete(number)
      done(refusal('no-quorum', 'the leader did not answer: ask .members what became of it'))
    })
    this.#forwarded.set(number, { done, timer })
  }

  #perform(operation: AdminOperation, done: Done): void {
    this.#begin(operation).then(
      (answer) => {
        if (answer.rows[0]?.[0] === 'done') this.options.log(`done: ${words(operation)}`)
        done(answer)
      },
      (error: unknown) => done(refusalOf(error)),
    )
  }

  /** Everything that the operator may have done wrong is refused here, before Raft is asked. */
  async #begin(operation: AdminOperation): Promise<AdminAnswer> {
    const { node } = this.options
    // A quorum without this leader may have committed that entry, while its own disk is still busy with it.
    while (node.isLeader() && !node.isLeaderReady()) await new Promise<void>((goOn) => this.#untilReady.push(goOn))
    await this.#untilHeard(operation)
    if (!node.isLeader()) throw new AdminRefusal('not-leader', 'the leader changed meanwhile: try again')
    const member = this.#member(operation.node)
    switch (operation.action) {
      case '.member-add':
        return this.#add(operation)
      case '.member-promote':
        return this.#promote(operation, member)
      case '.member-remove':
        return this.#remove(operation, member)
      case '.transfer':
        return this.#transfer(operation.node, member)
      case '.upgrade-hold':
      case '.upgrade-finish':
        await holdLevel(node, this.options.clock, this.options.levels, operation.action === '.upgrade-hold')
        return DONE
      default:
        throw new AdminRefusal('bad-request', `unknown action ${operation.action}`)
    }
  }

  /**
   * A leader forgets who answers it when its term begins and at each check of its quorum, and hears of the living again
   * within a heartbeat. Who is to leave must have taken an append of this term: otherwise it is never told of its removal.
   */
  async #untilHeard({ action }: AdminOperation): Promise<void> {
    if (action !== '.member-remove' && action !== '.member-promote') return
    const { node, clock } = this.options
    for (let waitedMs = 0; waitedMs < CONTACT_MS; waitedMs += CONTACT_POLL_MS) {
      const progress = node.status()?.progress ?? []
      if (progress.every(({ active, match }) => active && match > 0)) return
      await new Promise<void>((goOn) => clock.after(CONTACT_POLL_MS, goOn))
    }
  }

  /** A new member begins as a learner: a voter with an empty log would hold up commits (thesis 4.2.1). */
  async #add(operation: AdminOperation): Promise<AdminAnswer> {
    const { node: nodeId, peer } = operation
    const { node, greet } = this.options
    const clusterId = node.status()?.clusterId ?? ''
    const address = this.#checkNew(nodeId, peer)
    const note = judgeGreeting(nodeId, address, clusterId, await greet(address))
    // An operator who got no answer asks again: while this one greeted, the other may have been agreed to. From here to the
    // change nothing is waited for, and of two changes the second is refused.
    this.#checkNew(nodeId, peer)
    const place = { node: nodeId, raftId: node.nextRaftId(), peer: address }
    const answer = await this.#change(operation, [[ConfChangeType.addLearnerNode, place]])
    return note === null ? answer : { rows: [['done', ['note', note]]], count: false }
  }

  /** The address as it is kept. Two members of one node id, or at one address, would take each other's messages. */
  #checkNew(nodeId: string, peer: string): string {
    if (this.#member(nodeId) !== undefined) {
      throw new AdminRefusal('bad-request', `${nodeId} is a member already: remove it first`)
    }
    return readNewAddress(peer, this.options.members())
  }

  /** Both at once if it replaces a voter: the cluster never has one voter more or less (thesis 4.3, ADR 10). */
  async #promote(operation: AdminOperation, member: MemberReport | undefined): Promise<AdminAnswer> {
    const { node: nodeId, replaces } = operation
    const promoted = known(nodeId, member)
    if (promoted.role === 'voter') {
      if (replaces === '') return DONE
      throw new AdminRefusal('bad-request', `${nodeId} is a voter already: remove ${replaces} by itself`)
    }
    if (replaces === nodeId) throw new AdminRefusal('bad-request', `${nodeId} cannot take its own place`)
    const replaced = replaces === '' ? [] : [known(replaces, this.#member(replaces))]
    if (replaced.some(({ role }) => role !== 'voter')) {
      throw new AdminRefusal('not-voter', `${replaces} is not a voter: remove it by itself`)
    }
    this.#checkProgress(nodeId)
    return this.#change(operation, [
      [ConfChangeType.addNode, promoted],
      ...replaced.map((report) => [ConfChangeType.removeNode, report] as const),
    ])
  }

  #checkProgress(nodeId: string): void {
    const status = this.options.node.status()
    const progress = status?.progress.find((candidate) => candidate.nodeId === nodeId)
    const lag = (status?.lastIndex ?? 0) - (progress?.match ?? 0)
    // Raft counts a new member as active until the next check of the quorum, whether it was ever heard or not.
    if (progress === undefined || !progress.active || progress.match === 0) {
      throw new AdminRefusal('unreachable', `${nodeId} is not reached yet`)
    }
    if (lag >= PROMOTION_MAX_LAG_ENTRIES) throw new AdminRefusal('behind', `${nodeId} still lacks ${lag} entries`)
  }

  async #remove(operation: AdminOperation, member: MemberReport | undefined): Promise<AdminAnswer> {
    const { node: nodeId } = operation
    const removed = known(nodeId, member)
    const voters = this.options.members().filter((candidate) => candidate.role === 'voter')
    if (removed.role === 'voter' && voters.length === 1)
      throw new AdminRefusal('bad-request', `${nodeId} is the last voter`)
    if (removed.role === 'voter') this.#checkQuorumWithout(nodeId, voters)
    return this.#change(operation, [[ConfChangeType.removeNode, removed]])
  }

  /** While others are dead, the removal of a living voter may take the quorum that is left: nobody could undo it. */
  #checkQuorumWithout(nodeId: string, voters: readonly MemberReport[]): void {
    const progress = this.options.node.status()?.progress ?? []
    const rest = voters.filter(({ node }) => node !== nodeId)
    const silent = rest.filter(({ node }) => !progress.some((peer) => peer.nodeId === node && peer.active))
    if (2 * silent.length < rest.length) return
    const names = silent.map(({ node }) => node).join(', ')
    throw new AdminRefusal(
      'quorum-at-risk',
      `without ${nodeId} there would be no quorum: ${names} cannot be reached; remove or replace those first`,
    )
  }

  async #transfer(nodeId: string, member: MemberReport | undefined): Promise<AdminAnswer> {
    if (known(nodeId, member).role !== 'voter') throw new AdminRefusal('not-voter', `${nodeId} is not a voter`)
    if (nodeId !== this.options.node.nodeId) await this.options.node.transferLeadership(nodeId)
    return DONE
  }

  async #change(operation: AdminOperation, parts: readonly Part[]): Promise<AdminAnswer> {
    const { node } = this.options
    const isOwnEnd = parts.some(([type, place]) => type === ConfChangeType.removeNode && place.node === node.nodeId)
    if (isOwnEnd && (await this.#handOver())) return new Promise((done) => this.#forward(operation, done))
    const changes = parts.map(([type, { raftId }]) => ({ type, nodeId: raftId }))
    const infos = parts.map(([, { raftId, node, peer }]) => ({ raftId, nodeId: node, peerAddress: peer }))
    await node.changeMembership(changes, encodeMemberContext(infos))
    return DONE
  }

  /** A leader that is being removed transfers leadership first (thesis 4.2.2): otherwise its end costs an election. */
  async #handOver(): Promise<boolean> {
    const { node } = this.options
    const status = node.status()
    const heir = status === null ? null : successor(status)
    if (heir !== null) await node.transferLeadership(heir)
    return heir !== null
  }

  #member(nodeId: string): MemberReport | undefined {
    return this.options.members().find((candidate) => candidate.node === nodeId)
  }

  #memberRows(): AdminAnswer['rows'] {
    const status = this.options.node.status()
    return this.options.members().map((member) => {
      const progress = status?.progress.find((candidate) => candidate.nodeId === member.node)
      const lag = progress === undefined || status === null ? undefined : Math.max(0, status.lastIndex - progress.match)
      const { node, raftId, peer, role, leader, address } = member
      return [
        'member',
        ['node', node],
        ['raft-id', raftId],
        ['peer', peer],
        ['role', role],
        ['leader', leader ? 'yes' : 'no'],
        ['address', address ?? undefined],
        ['active', progress === undefined ? undefined : progress.active ? 'yes' : 'no'],
        ['lag', lag],
      ]
    })
  }
}

const words = ({ action, node, peer, replaces }: AdminOperation): string =>
  [action, node, peer, replaces].filter((word) => word !== '').join(' ')

function known(nodeId: string, member: MemberReport | undefined): MemberReport {
  if (member === undefined) throw new AdminRefusal('not-member', `${nodeId} is not a member`)
  return member
}

function refusal(code: RefusalCode, message: string): AdminAnswer {
  return {
    rows: [['err', ['code', code], ['message', message]]],
    count: false,
  }
}

function refusalOf(error: unknown): AdminAnswer {
  if (error instanceof AdminRefusal) return refusal(error.reason, error.message)
  if (error instanceof NodeRefusal) return refusal(error.reason, error.message)
  return refusal('failed', error instanceof Error ? error.message : String(error))
}

/** The request's id comes first after the word, as in all answers of this dialect. */
function formatAnswer({ rows, count }: AdminAnswer, id: string | undefined): NeutralReply {
  const lines = rows.map(([word, ...pairs]) => neutral(word, { id, ...Object.fromEntries(pairs) }))
  if (count) lines.push(neutral('end', { id, count: rows.length }))
  return joined(...lines)
}
