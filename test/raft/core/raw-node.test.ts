/** The contract of the core with its driver: inputs, Ready, restart. */
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { ConfigError, Refusal } from '../../../src/raft/core/errors.js'
import { ENTRY_OVERHEAD_BYTES } from '../../../src/raft/core/log/entries.js'
import { MemoryStorage } from '../../../src/raft/core/log/memory-storage.js'
import { isLocalMsg, isResponseMsg, MsgType, message } from '../../../src/raft/core/messages.js'
import { RawNode } from '../../../src/raft/core/raw-node.js'
import { APPEND_THREAD, APPLY_THREAD, EMPTY_CONF_STATE, EMPTY_HARD_STATE, Role } from '../../../src/raft/core/types.js'
import { bytesOf, entriesFrom, Member, type MemberOptions, textOf } from './support/member.js'

const ALL_TYPES = Object.values(MsgType)

describe('a message from another member', () => {
  it.each(ALL_TYPES.filter(isLocalMsg))('is refused if only this member can send it (type %i)', (type) => {
    const member = new Member()
    expect(member.node.step(message(type, 1, 2, { term: 1 }))).toBe(Refusal.localMessage)
    expect(member.node.hasReady()).toBe(false)
  })

  it.each(ALL_TYPES.filter((type) => isResponseMsg(type) && !isLocalMsg(type)))(
    'is refused if it answers (type %i) and the member is not known',
    (type) => {
      expect(new Member().node.step(message(type, 1, 9, { term: 1 }))).toBe(Refusal.peerNotFound)
    },
  )
})

describe('the Ready of an idle member', () => {
  it('says nothing, and costs nothing', () => {
    const member = new Member()
    expect(member.node.hasReady()).toBe(false)
    const first = member.node.ready()
    member.node.advance()
    expect(member.node.ready()).toBe(first)
    member.node.advance()
    expect(first).toMatchObject({ softState: null, hardState: null, entries: [], committedEntries: [], messages: [] })
  })
})

describe('a Ready', () => {
  it('must be carried out before the next one is asked for', () => {
    const { node } = new Member()
    node.campaign()
    node.ready()
    expect(() => node.ready()).toThrow(InvariantViolation)
    expect(() => new Member().node.advance()).toThrow(InvariantViolation)
  })

  it('need not be synced if only the commit index changed', () => {
    const member = new Member({ log: [1], hardState: { term: 1 } })
    member.receive(MsgType.heartbeat, 2)
    member.node.step(message(MsgType.heartbeat, 1, 2, { term: 1, commit: 1 }))
    expect(member.node.ready()).toMatchObject({ mustSync: false, hardState: { term: 1, vote: 0, commit: 1 } })
  })

  it.each([
    { what: 'a term', step: { type: MsgType.heartbeat, term: 2 } },
    { what: 'a vote', step: { type: MsgType.vote, term: 1 } },
    { what: 'an entry', step: { type: MsgType.app, term: 1, entries: entriesFrom(1, [1]) } },
  ])('must be synced if it has $what', ({ step: { type, ...fields } }) => {
    const member = new Member({ hardState: { term: 1 } })
    member.node.step(message(type, 1, 2, fields))
    expect(member.node.ready().mustSync).toBe(true)
  })

  it('repeats nothing while it is carried out', () => {
    const member = new Member({ voters: [1] })
    member.win()
    member.node.propose(bytesOf('a'))
    const first = member.node.ready()
    expect(first.entries.map(textOf)).toEqual(['a'])
    member.storage.append(first.entries)
    member.node.advance()
    const second = member.node.ready()
    expect([second.entries, second.committedEntries.map(textOf)]).toEqual([[], ['a']])
    member.node.advance()
    expect(member.node.hasReady()).toBe(false)
  })
})

describe('after a restart', () => {
  it('what is known to be committed is applied again, with nothing to store', () => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 2 } })
    const ready = member.node.ready()
    expect(ready).toMatchObject({ hardState: null, entries: [], messages: [], mustSync: false })
    expect(ready.committedEntries.map(({ index }) => index)).toEqual([1, 2])
  })

  it('what the state machine has already is left out', () => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 3 }, applied: 2 })
    expect(member.node.ready().committedEntries.map(({ index }) => index)).toEqual([3])
  })

  it('what was applied counts as committed, although the commit index is not synced', () => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 1 }, applied: 2 })
    expect([member.commit, member.node.status().applied]).toEqual([2, 2])
  })

  it('from a snapshot, with the entries behind it', () => {
    const confState = { ...EMPTY_CONF_STATE, voters: [1, 2] }
    const storage = MemoryStorage.load({
      hardState: { term: 1, vote: 0, commit: 3 },
      snapshot: { metadata: { index: 2, term: 1, confState }, data: new Uint8Array(0) },
      prevIndex: 2,
      prevTerm: 1,
      entries: entriesFrom(3, [1, 1]),
    })
    const node = newNode({ storage })
    expect(node.status()).toMatchObject({ role: Role.follower, term: 1, commit: 3, lastIndex: 4, confState })
    expect(node.ready().committedEntries.map(({ index }) => index)).toEqual([3])
  })

  it.each([
    { hardState: { term: 1, commit: 4 }, why: /commit index 4 is above the last index 3/ },
    { hardState: { term: 1, commit: 1 }, applied: 4, why: /above the last index 3/ },
  ])('a log that is shorter than it was stops the member: $why', ({ why, ...options }) => {
    expect(() => new Member({ log: [1, 1, 1], ...options })).toThrow(why)
  })
})

function newNode(options: Partial<ConstructorParameters<typeof RawNode>[0]> = {}): RawNode {
  return new RawNode({
    id: 1,
    electionTick: 10,
    heartbeatTick: 1,
    maxInflightMsgs: 256,
    randomInt: () => 0,
    storage: new MemoryStorage(),
    ...options,
  })
}

describe('committed entries', () => {
  it('come in portions, in order and without gaps, also after a restart', () => {
    const portion = 3 * (ENTRY_OVERHEAD_BYTES + 4)
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(4, '0'))
    const leader = new Member({ voters: [1], maxCommittedSizePerReady: portion })
    leader.win()
    leader.node.propose(...texts.map(bytesOf))
    let largest = 0
    while (leader.node.hasReady()) {
      const ready = leader.node.ready()
      if (ready.hardState !== null) leader.storage.setHardState(ready.hardState)
      leader.storage.append(ready.entries)
      leader.applied.push(...ready.committedEntries)
      largest = Math.max(largest, ready.committedEntries.length)
      leader.node.advance()
    }
    expect(leader.applied.map(textOf)).toEqual(['', ...texts])
    expect(largest).toBe(3)

    const { storage } = leader
    const restarted = newNode({ storage, maxCommittedSizePerReady: portion })
    const again: string[] = []
    while (restarted.hasReady()) {
      again.push(...restarted.ready().committedEntries.map(textOf))
      restarted.advance()
    }
    expect(again).toEqual(['', ...texts])
  })
})

describe('asynchronous storage', () => {
  it('counts its own copy of an entry only when the append thread has answered', () => {
    const storage = storageOf([1])
    const node = newNode({ storage, asyncStorageWrites: true })
    node.campaign()
    const vote = appendOrder(node, storage)
    expect(node.status().role).toBe(Role.candidate)
    for (const response of vote.responses) node.step(response)
    expect(node.status().role).toBe(Role.leader)

    const first = appendOrder(node, storage)
    expect(first.entries).toHaveLength(1)
    node.propose(bytesOf('a'))
    const second = appendOrder(node, storage)
    expect([node.status().commit, second.entries.map(textOf)]).toEqual([0, ['a']])
    for (const response of first.responses) node.step(response)
    expect(node.status().commit).toBe(1)

    // Only what is durable here may be applied.
    const [order] = node.ready().messages.filter(({ to }) => to === APPLY_THREAD)
    expect(order?.entries.map(({ index }) => index)).toEqual([1])
    for (const response of order?.responses ?? []) node.step(response)
    expect(node.status().applied).toBe(1)
    for (const response of second.responses) node.step(response)
    expect(node.status().commit).toBe(2)
  })

  it('does not take an old answer for that of an equal entry which is still to be written', () => {
    const storage = storageOf([1, 2, 3])
    const node = newNode({ storage, asyncStorageWrites: true })
    const write = (from: number, term: number, entryTerm: number) => {
      const entries = entriesFrom(1, [entryTerm])
      node.step(message(MsgType.app, 1, from, { term, entries }))
      const order = node.ready().messages.find(({ to }) => to === APPEND_THREAD)
      return () => {
        storage.append(order?.entries ?? [])
        for (const response of order?.responses ?? []) if (response.to === 1) node.step(response)
      }
    }
    // Entry 1 is of term 1, then of term 2, then of term 1 again, before any of it is written.
    const [first, second, third] = [write(2, 1, 1), write(3, 2, 2), write(2, 3, 1)]
    const applyOrders = () => node.ready().messages.filter(({ to }) => to === APPLY_THREAD)
    first()
    node.step(message(MsgType.heartbeat, 1, 2, { term: 3, commit: 1 }))
    expect(applyOrders()).toEqual([])
    second()
    expect(node.hasReady() ? applyOrders() : []).toEqual([])
    third()
    expect(applyOrders().map(({ entries }) => entries)).toEqual([entriesFrom(1, [1])])
  })

  it('has no advance', () => {
    const node = newNode({ storage: storageOf([1]), asyncStorageWrites: true })
    node.campaign()
    node.ready()
    expect(() => node.advance()).toThrow(InvariantViolation)
  })
})

function storageOf(voters: readonly number[]): MemoryStorage {
  const snapshot = {
    metadata: { index: 0, term: 0, confState: { ...EMPTY_CONF_STATE, voters } },
    data: new Uint8Array(0),
  }
  return MemoryStorage.load({ hardState: EMPTY_HARD_STATE, snapshot, prevIndex: 0, prevTerm: 0, entries: [] })
}

/** Takes the order to the append thread out of the next Ready and stores its entries; the answers are the caller's. */
function appendOrder(node: RawNode, storage: MemoryStorage) {
  const order = node.ready().messages.find(({ to }) => to === APPEND_THREAD)
  if (order === undefined) throw new Error('nothing to append')
  storage.append(order.entries)
  return order
}

describe('a broken invariant', () => {
  it('stops the member for good', () => {
    const member = new Member()
    expect(() => member.receive(MsgType.heartbeat, 2, { term: 1, commit: 5 })).toThrow(InvariantViolation)
    expect(() => member.node.tick()).toThrow(/called from within itself, or after it failed/)
    expect(() => member.node.propose(bytesOf('a'))).toThrow(InvariantViolation)
  })

  it('is also a call from within', () => {
    const inner: { node?: RawNode } = {}
    inner.node = newNode({
      storage: storageOf([1]),
      trace: ({ kind }) => {
        if (kind === 'candidate') inner.node?.tick()
      },
    })
    expect(() => inner.node?.campaign()).toThrow(/called from within itself/)
  })
})

describe('a configuration is refused', () => {
  it.each<[string, Partial<MemberOptions>]>([
    ['without an id', { id: 0 }],
    ['with the id of a local thread', { id: APPEND_THREAD }],
    ['without heartbeats', { heartbeatTick: 0 }],
    ['with elections as frequent as heartbeats', { electionTick: 3, heartbeatTick: 3 }],
    ['without messages in flight', { maxInflightMsgs: 0 }],
    ['with less in flight than in one message', { maxInflightBytes: 10, maxSizePerMsg: 11 }],
    ['with lease-based reads and no CheckQuorum', { readOnlyOption: 'lease-based' }],
  ])('%s', (_, options) => {
    expect(() => newNode({ ...options })).toThrow(ConfigError)
  })
})
