/** A check that cannot fail proves nothing: each is shown what it must not let pass, and what it must. */
import { beforeEach, describe, expect, it } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType, EXCLUSIVE, SHARED } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { MsgType } from '../../src/raft/core/messages.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE, EntryType } from '../../src/raft/core/types.js'
import type { RaftNode } from '../../src/raft/node/raft-node.js'
import { FrameKind } from '../../src/raft/ports/transport.js'
import type { NodeComposition } from '../../src/service/composition.js'
import { encodeRenewalAnswer } from '../../src/service/leases/renewal-frames.js'
import { Bench, GENESIS } from '../locks/harness.js'
import { Checks } from './checks/checks.js'
import { ConfigCheck, quorumsMeet } from './checks/config-check.js'
import { type ClassicHold, LockCheck } from './checks/lock-check.js'
import { LogCheck } from './checks/log-check.js'
import { QueueCheck } from './checks/queue-check.js'
import { ReadCheck } from './checks/read-check.js'
import { RightCheck } from './checks/right-check.js'
import { VoteCheck } from './checks/vote-check.js'
import { Machine, Process } from './process.js'
import { World } from './world.js'

const LEASE_MS = 3_000
let world: World

const processNamed = (name: string): Process => new Process(world, new Machine(world, name, 1), name)
const voters = (...ids: number[]) => ({ ...EMPTY_CONF_STATE, voters: ids })

beforeEach(() => {
  world = new World(1)
})

describe('one linear history', () => {
  const nodeUp = (node: string, epoch: number): Uint8Array =>
    encodeCommand({
      type: CommandType.nodeUp,
      node,
      epoch,
      expected: 0,
      dead: 0,
      address: `${node}:7654`,
      peer: '',
      programLevel: 1,
    })

  function twoNodes() {
    const log = new LogCheck(world, new ConfigCheck(world, () => 0), () => undefined)
    log.began(GENESIS)
    const tap = (name: string) => log.tap(processNamed(name), new LockMachine(GENESIS))
    return { log, one: tap('n1'), two: tap('n2') }
  }

  it('passes equal logs', () => {
    const { one, two } = twoNodes()
    for (const node of [one, two]) {
      node.applyCommand(2, nodeUp('n1', 7))
      node.endEntry(2)
    }
    expect(world.violation).toBeNull()
  })

  it('sees another command at the same index', () => {
    const { one, two } = twoNodes()
    one.applyCommand(2, nodeUp('n1', 7))
    one.endEntry(2)
    two.applyCommand(2, nodeUp('n1', 8))
    expect(world.violation).toMatch(/another command/)
  })

  it('sees a command that is missing', () => {
    const { one, two } = twoNodes()
    one.applyCommand(2, nodeUp('n1', 7))
    one.endEntry(2)
    two.endEntry(2)
    expect(world.violation).toMatch(/0 commands at 2/)
  })

  it('sees a gap', () => {
    const { one } = twoNodes()
    one.applyCommand(4, nodeUp('n1', 7))
    expect(world.violation).toMatch(/gap/)
  })

  it('sees a state that differs after equal entries', () => {
    const { log } = twoNodes()
    const [same, other] = [1, 2].map(() => new LockMachine(GENESIS))
    other?.applyCommand(2, nodeUp('n1', 7))
    if (same !== undefined) log.state(processNamed('n1'), 16, same)
    if (other !== undefined) log.state(processNamed('n2'), 16, other)
    expect(world.violation).toMatch(/another state/)
  })

  it('sees a second cluster', () => {
    const { log, one } = twoNodes()
    one.endEntry(2)
    log.began({ ...GENESIS, clusterId: 'another' })
    expect(world.violation).toMatch(/second cluster/)
  })

  it('sees an answer that the log did not give', () => {
    twoNodes().log.told('session1', 5, 1, 1, 'ok,id:1,name:a,token:9')
    expect(world.violation).toMatch(/is told/)
  })
})

describe('leaders and disks', () => {
  it('sees two leaders of a term', () => {
    const checks = new Checks(world, ['a'])
    checks.leads('n1', 3, 2)
    checks.leads('n2', 4, 2)
    expect(world.violation).toBeNull()
    checks.leads('n1', 4, 2)
    expect(world.violation).toMatch(/both lead term 4/)
  })

  it('lets a candidate that slept lead an old term', () => {
    const checks = new Checks(world, ['a'])
    checks.leads('n1', 8, 2)
    const log = checks.log.tap(processNamed('n1'), new LockMachine(GENESIS))
    checks.log.began(GENESIS)
    log.endEntry(2)
    world.violation = null
    checks.leads('n2', 7, 1)
    expect(world.violation).toBeNull()
    checks.leads('n3', 9, 1)
    expect(world.violation).toMatch(/leads term 9 with 1 entries/)
  })

  it('sees an applied entry that is on no disk, and a leader without it', () => {
    const checks = new Checks(world, ['a'])
    checks.log.began(GENESIS)
    checks.log.tap(processNamed('n1'), new LockMachine(GENESIS)).endEntry(2)
    expect(world.violation).toMatch(/not on the disks of a quorum/)
    world.violation = null
    checks.leads('n2', 5, 1)
    expect(world.violation).toMatch(/leads term 5 with 1 entries, 2 were committed before/)
  })
})

describe('elections', () => {
  const vote = { type: MsgType.voteResp, reject: false, term: 4, to: 1 }
  const elected = { nodeId: 'n1', raftId: 1, term: 4 }
  /** 4 takes the place of 3. */
  const joint = { ...voters(1, 2, 4), votersOutgoing: [1, 2, 3] }

  it('sees a leader that only the new half of a joint membership has elected', () => {
    const check = new VoteCheck(world)
    check.heard({ ...vote, from: 4 })
    check.elected({ ...elected, confState: joint })
    expect(world.violation).toMatch(/n1 leads term 4 by the votes of 1,4; the voters are 1,2,4 and 1,2,3/)
  })

  it('lets a leader have a majority of each half, or of the only one', () => {
    const check = new VoteCheck(world)
    check.heard({ ...vote, from: 2 })
    check.elected({ ...elected, confState: joint })
    check.elected({ ...elected, confState: voters(1, 2, 3) })
    expect(world.violation).toBeNull()
  })

  it.each([
    ['a refusal', { reject: true }],
    ['a pre-vote', { type: MsgType.preVoteResp }],
    ['a vote of another term', { term: 3 }],
    ['a vote for another', { to: 2 }],
  ])('does not count %s', (_, other) => {
    const check = new VoteCheck(world)
    check.heard({ ...vote, from: 2, ...other })
    check.elected({ ...elected, confState: voters(1, 2, 3) })
    expect(world.violation).toMatch(/leads term 4 by the votes of 1;/)
  })
})

describe('locks', () => {
  /** n1 holds `a`; who believes or is served is up to the test. */
  function heldLock() {
    const bench = new Bench()
    bench.nodeUp('n1', 7)
    const checks = new LockCheck(world, ['a'], () => bench.machine)
    const party = bench.open('n1', 7)
    const take = () => {
      bench.lock(party, party.n + 1, 'a')
      checks.afterEntry()
    }
    take()
    const token = bench.token('a')
    /** The lock passes on, with or without anybody knowing. */
    const passOn = () => {
      bench.release(party, party.n + 1, 'a', token)
      checks.afterEntry()
      take()
    }
    return { bench, checks, token, passOn }
  }
  const hold = (token: number, part: Partial<ClassicHold> = {}): ClassicHold => ({
    name: 'a',
    token,
    isServed: () => true,
    isGivenUp: () => false,
    ...part,
  })

  it('passes a lock that its last holder has given up', () => {
    const { checks, token, passOn } = heldLock()
    checks.believers.add({ name: 'session1', believes: () => [] })
    checks.holds.add(hold(token, { isGivenUp: () => true }))
    checks.holds.add(hold(token, { isServed: () => false }))
    passOn()
    expect(world.violation).toBeNull()
  })

  it('sees a grant while somebody believes to hold', () => {
    const { checks, token, passOn } = heldLock()
    checks.believers.add({ name: 'session1', believes: () => [token] })
    passOn()
    expect(world.violation).toMatch(/while session1 believes/)
  })

  it('sees a grant while a classic holder is served', () => {
    const { checks, token, passOn } = heldLock()
    checks.holds.add(hold(token))
    passOn()
    expect(world.violation).toMatch(/while a classic connection is open/)
  })

  it('sees a belief that comes too late', () => {
    const { checks, token, passOn } = heldLock()
    passOn()
    checks.believed('session1', 'a', token)
    expect(world.violation).toMatch(/another has it/)
  })

  it('sees positive words under an epoch that has ended, or to a holder that lost its lock', () => {
    const { bench, checks, token, passOn } = heldLock()
    checks.spoken('n1', 7, 'alive')
    checks.affirmed('n1', hold(token), 'alive')
    expect(world.violation).toBeNull()
    checks.spoken('n1', 8, 'alive')
    expect(world.violation).toMatch(/which has ended/)
    world.violation = null
    passOn()
    checks.affirmed('n1', hold(token), 'alive')
    expect(world.violation).toMatch(/after \d+ got it/)
    expect(bench.token('a')).toBeGreaterThan(token)
  })
})

describe('membership', () => {
  it('knows which configurations can follow each other', () => {
    expect(quorumsMeet(voters(1, 2, 3), voters(1, 2, 3, 4))).toBe(true)
    expect(quorumsMeet(voters(1, 2, 3), voters(1, 2))).toBe(true)
    expect(quorumsMeet(voters(1, 2, 3), voters(1, 4, 5))).toBe(false)
    expect(quorumsMeet(voters(1, 2, 3), { ...voters(1, 4, 5), votersOutgoing: [1, 2, 3] })).toBe(true)
    expect(quorumsMeet({ ...voters(1, 4, 5), votersOutgoing: [1, 2, 3] }, voters(1, 4, 5))).toBe(true)
  })

  it('sees two changes that are not committed', () => {
    const check = new ConfigCheck(world, () => 10)
    const change = (index: number) => ({ index, term: 2, type: EntryType.confChangeV2, data: EMPTY_BYTES })
    check.stored('volume-1', [change(10), change(11)])
    check.stored('volume-2', [change(12)])
    check.stored('volume-2', [change(12)])
    expect(world.violation).toBeNull()
    check.stored('volume-1', [change(12)])
    expect(world.violation).toMatch(/uncommitted membership changes at 11, 12/)
  })
})

describe('the queue', () => {
  const waiter = (session: number, amount = EXCLUSIVE) => ({ session, request: 1, amount })
  const holder = (session: number, token: number, amount = EXCLUSIVE) => ({ ...waiter(session, amount), token })
  const none = { limit: 0, holds: [], queue: [] }

  it('passes grants in order, and past those who do not wait any more', () => {
    const check = new QueueCheck(world, ['a'])
    check.look('a', { ...none, queue: [waiter(1), waiter(2), waiter(3)] })
    check.look('a', { ...none, holds: [holder(1, 10)], queue: [waiter(2), waiter(3)] })
    check.look('a', { ...none, holds: [holder(3, 11)] })
    expect(world.violation).toBeNull()
  })

  it('sees a grant past a waiter', () => {
    const check = new QueueCheck(world, ['a'])
    check.look('a', { ...none, queue: [waiter(1), waiter(2)] })
    check.look('a', { ...none, holds: [holder(2, 10)], queue: [waiter(1)] })
    expect(world.violation).toMatch(/to session 2 past 1\/1/)
  })

  it('sees a reader pass a writer who waits, and a small permit a large one', () => {
    const check = new QueueCheck(world, ['a', 'b'])
    check.look('a', { ...none, holds: [holder(1, 10, SHARED)], queue: [waiter(2)] })
    check.look('a', { ...none, holds: [holder(1, 10, SHARED), holder(3, 11, SHARED)], queue: [waiter(2)] })
    expect(world.violation).toMatch(/to session 3 past 2\/1/)
    world.violation = null
    check.look('b', { limit: 3, holds: [holder(1, 12, 1)], queue: [waiter(2, 3)] })
    check.look('b', { limit: 3, holds: [holder(1, 12, 1), holder(3, 13, 1)], queue: [waiter(2, 3)] })
    expect(world.violation).toMatch(/to session 3 past 2\/1/)
  })

  it('passes who takes nothing from the waiter', () => {
    const check = new QueueCheck(world, ['a'])
    check.look('a', { ...none, queue: [waiter(2, SHARED)] })
    check.look('a', { ...none, holds: [holder(3, 11, SHARED)], queue: [waiter(2, SHARED)] })
    expect(world.violation).toBeNull()
  })
})

describe('the right to speak', () => {
  function speaker() {
    const process = processNamed('n1')
    const check = new RightCheck(world, () => 100)
    const composition = {
      node: { sendPeer: () => true, confirmLeadership: (done: (index: number) => void) => done(99) },
      service: { onPeerFrame: () => undefined, stats: () => ({ epoch: 0 }) },
    } as unknown as NodeComposition
    check.tap(process, composition)
    const answer = (commitIndex: number) =>
      composition.service.onPeerFrame(
        'n2',
        FrameKind.renewed,
        encodeRenewalAnswer({ epoch: 7, number: 1, commitIndex }),
      )
    const renew = () => {
      const bytes = new Uint8Array(16)
      new DataView(bytes.buffer).setFloat64(0, 7)
      new DataView(bytes.buffer).setFloat64(8, 1)
      composition.node.sendPeer('n2', 0, FrameKind.renew, bytes)
    }
    const speak = (appliedIndex: number) => check.spoken(process, LEASE_MS, 7, appliedIndex, 'alive')
    return { composition, renew, answer, speak }
  }

  it('lasts 0.9 L - 50 ms from the sending of an answered renewal', () => {
    const { renew, answer, speak } = speaker()
    renew()
    world.nowMs = 1_000
    answer(5)
    world.nowMs = 2_650
    speak(5)
    expect(world.violation).toBeNull()
    world.nowMs = 2_651
    speak(5)
    expect(world.violation).toMatch(/outside the right/)
  })

  it('does not begin before the named index is applied', () => {
    const { renew, answer, speak } = speaker()
    renew()
    answer(5)
    speak(4)
    expect(world.violation).toMatch(/never had|after its end/)
  })

  it('sees a read that is older than what was applied', () => {
    speaker().composition.node.confirmLeadership(() => undefined)
    expect(world.violation).toMatch(/reads at 99/)
  })
})

describe('reads on any node', () => {
  const check = () => new ReadCheck(world, () => 7)

  it('passes one that has all that was applied before', () => {
    check().answered('n1', 'current', { isAnswered: false, isLeader: false })
    check().current('n1', 7, 7)
    expect(world.violation).toBeNull()
  })

  it('sees one that is older than its question', () => {
    check().current('n1', 6, 7)
    expect(world.violation).toMatch(/n1 reads at 6; 7 was applied/)
  })

  it('sees a second answer', () => {
    check().answered('n1', 'unavailable', { isAnswered: true, isLeader: false })
    expect(world.violation).toMatch(/twice/)
  })

  it('sees reads that do not end', async () => {
    const node = { read: () => undefined, isLeader: () => false, appliedIndex: () => 0 } as unknown as RaftNode
    check().tap(processNamed('n1'), { node })
    await world.until(() => false, 20_000)
    expect(world.violation).toMatch(/does not end/)
  })
})
