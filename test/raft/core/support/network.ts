import { type Message, type MsgType, message } from '../../../../src/raft/core/messages.js'
import { type RaftId, Role } from '../../../../src/raft/core/types.js'
import { bytesOf, Member, type MemberOptions } from './member.js'

/** Members that talk to each other: first sent, first delivered, except for what a test cuts off or ignores. */
export class Network {
  readonly #members = new Map<RaftId, Member>()
  readonly #cut = new Set<string>()
  readonly #ignored = new Set<MsgType>()
  readonly #held = new Set<MsgType>()
  #waiting: Message[] = []
  /** Every message that was sent, also those that were not delivered. */
  readonly log: Message[] = []

  constructor(...members: readonly Member[]) {
    for (const member of members) this.#members.set(member.id, member)
  }

  /** Members 1 to `size`, all voters, alike but for their ids. */
  static of(size: number, options: Omit<MemberOptions, 'id' | 'voters'> = {}): Network {
    const voters = Array.from({ length: size }, (_, i) => i + 1)
    return new Network(...voters.map((id) => new Member({ ...options, id, voters })))
  }

  member(id: RaftId): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  get members(): Member[] {
    return [...this.#members.values()]
  }

  /** Messages between two members are lost, both ways. */
  cut(one: RaftId, other: RaftId): void {
    this.#cut.add(`${one} ${other}`).add(`${other} ${one}`)
  }

  isolate(id: RaftId): void {
    for (const other of this.#members.keys()) if (other !== id) this.cut(id, other)
  }

  ignore(type: MsgType): void {
    this.#ignored.add(type)
  }

  /** Messages of this type are kept back until `release`. */
  hold(type: MsgType): void {
    this.#held.add(type)
  }

  /** Delivers what was kept back, and keeps nothing back any more. */
  release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#held.clear()
    this.settle(waiting)
  }

  /** All links work again and no message is ignored. */
  heal(): void {
    this.#cut.clear()
    this.#ignored.clear()
  }

  campaign(id: RaftId): void {
    this.settle(this.member(id).campaign())
  }

  propose(id: RaftId, text = 'data'): void {
    this.settle(this.member(id).propose(text))
  }

  tick(id: RaftId, times = 1): void {
    for (let i = 0; i < times; i++) this.settle(this.member(id).tick())
  }

  /** Asks member `asked` that `to` be the leader. */
  transfer(asked: RaftId, to: RaftId): void {
    this.member(asked).node.transferLeader(to)
    this.settle(this.member(asked).run())
  }

  /** Asks member `id` for a read index; see its `readStates`. */
  readIndex(id: RaftId, text: string): void {
    this.member(id).node.readIndex(bytesOf(text))
    this.settle(this.member(id).run())
  }

  /** The members that lead, of whatever term. */
  get leaders(): RaftId[] {
    return this.members.filter(({ role }) => role === Role.leader).map(({ id }) => id)
  }

  /** Delivers these messages, and whatever they lead to, until nobody has anything to say. */
  settle(messages: readonly Message[]): void {
    const queue = [...messages]
    this.log.push(...messages)
    for (let m = queue.shift(); m !== undefined; m = queue.shift()) {
      const member = this.#members.get(m.to)
      if (this.#held.has(m.type)) {
        this.#waiting.push(m)
        continue
      }
      if (member === undefined || this.#ignored.has(m.type) || this.#cut.has(`${m.from} ${m.to}`)) continue
      // What was sent is shared with the sender's log and with other receivers.
      for (const entry of m.entries) Object.freeze(entry)
      Object.freeze(m.entries)
      member.node.step(Object.freeze(m))
      const sent = member.run()
      this.log.push(...sent)
      queue.push(...sent)
    }
  }

  /** Delivers one message, as if it came from outside. */
  inject(type: MsgType, to: RaftId, from: RaftId, fields: Partial<Message>): void {
    this.settle([message(type, to, from, fields)])
  }
}
