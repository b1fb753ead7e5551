import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { encodeMemberContext } from '../../src/locks/state/members.js'
import { attachment, Bench, COUNTER_START, essential, GENESIS, kinds, taken } from './harness.js'

function expire(node: string, epoch: number): Command {
  return { type: CommandType.expireNode, node, epoch }
}

describe('epochs', () => {
  test.each([
    { what: 'first', before: [], up: [100, 0, 0], current: 100, live: [100] },
    { what: 'first, with a wrong expectation', before: [], up: [100, 99, 0], current: 0, live: [] },
    { what: 'second, the first stays live', before: [[100, 0, 0]], up: [101, 100, 0], current: 101, live: [100, 101] },
    { what: 'second, the first proved dead', before: [[100, 0, 0]], up: [101, 100, 100], current: 101, live: [101] },
    {
      what: 'dead is another than expected',
      before: [
        [100, 0, 0],
        [101, 100, 0],
      ],
      up: [102, 101, 100],
      current: 102,
      live: [100, 101, 102],
    },
    { what: 'a repeat does nothing', before: [[100, 0, 0]], up: [100, 0, 0], current: 100, live: [100] },
    {
      what: 'a late one with an old expectation',
      before: [
        [100, 0, 0],
        [101, 100, 100],
      ],
      up: [102, 100, 0],
      current: 101,
      live: [101],
    },
    { what: 'zero, which stands for none', before: [], up: [0, 0, 0], current: 0, live: [] },
    { what: 'zero after another', before: [[100, 0, 0]], up: [0, 100, 100], current: 100, live: [100] },
    { what: 'the same as expected', before: [[100, 0, 0]], up: [100, 100, 100], current: 100, live: [100] },
  ])('NodeUp: $what', ({ before, up, current, live }) => {
    const bench = new Bench()
    for (const [epoch = 0, expected, dead] of [...before, up]) bench.nodeUp('n1', epoch, expected, dead)
    expect(bench.machine.currentEpoch('n1')).toBe(current)
    expect([...bench.machine.liveEpochs()].map(({ epoch }) => epoch).sort()).toEqual(live)
  })

  test('a clean stop ends the epoch, and a late NodeUp does not bring it back', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 100)
    expect(bench.apply({ type: CommandType.nodeDown, node: 'n1', epoch: 100 })).toEqual([['epochEnded', 'n1', 100]])
    bench.nodeUp('n1', 100)
    bench.nodeUp('n1', 100, 100)
    expect(bench.machine.isLive('n1', 100)).toBe(false)
    expect(bench.machine.currentEpoch('n1')).toBe(100)
    expect(bench.nodeUp('n1', 101, 100)).toEqual([['nodeUp', 'n1', 101]])
    expect(bench.machine.nodeAddress('n1')).toBe('n1:7654')
    expect(bench.machine.nodeAddress('n2')).toBeNull()
  })

  test('only the epoch of the node that is named ends, once', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 100)
    expect(bench.apply(expire('n2', 100))).toEqual([])
    expect(bench.apply(expire('n1', 99))).toEqual([])
    expect(bench.apply(expire('n1', 100))).toEqual([['epochEnded', 'n1', 100]])
    expect(bench.apply(expire('n1', 100))).toEqual([])
  })

  test('a node that is no member gets no epoch', () => {
    const bench = new Bench()
    expect(bench.nodeUp('stranger', 100)).toEqual([])
    expect(bench.machine.currentEpoch('stranger')).toBe(0)
  })

  test('with the epoch classic sessions end and others are detached for the larger of lease and linger', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 100)
    bench.nodeUp('n2', 200)
    const classic = bench.classic('n1', 100, 'a')
    const party = bench.open('n1', 100, { leaseMs: 5_000, lingerMs: 60_000 })
    bench.lock(party, 1, 'b')
    const waiter = bench.classic('n2', 200, 'a', { waitMs: -1 })
    const token = bench.token('b')
    const effects = bench.apply(expire('n1', 100))
    expect(effects).toEqual([
      ['epochEnded', 'n1', 100],
      [
        'answered',
        { node: 'n2', epoch: 200, conn: 3 },
        waiter.session,
        -1,
        { kind: 'granted', name: 'a', token: token + 2 },
      ],
      ['ended', null, classic.session],
      ['detached', party.session, 1, 60_000],
    ])
    expect(bench.machine.session(party.session)).toMatchObject({ where: null, held: [{ name: 'b', token }] })
    expect([...bench.machine.detachedSessions()]).toEqual([{ session: party.session, attach: 1, forMs: 60_000 }])
    expect(bench.machine.sweepPending()).toBe(false)
    expect([...bench.machine.liveEpochs()]).toEqual([{ node: 'n2', epoch: 200 }])
  })

  test('a command under an ended epoch does nothing', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 100)
    const party = bench.open('n1', 100)
    const classic = bench.classic('n1', 100, 'a')
    bench.apply(expire('n1', 100))
    expect(bench.lock(party, 1, 'x')).toEqual([])
    expect(bench.apply({ type: CommandType.end, ...attachment(party), bye: true, wallMs: 0 })).toEqual([])
    expect(bench.apply({ type: CommandType.end, ...attachment(classic), bye: true, wallMs: 0 })).toEqual([])
    expect(
      bench.apply({ type: CommandType.detach, ...attachment(party), fin: true, wallMs: 0, leaseOnly: false }),
    ).toEqual([])
    expect(bench.open('n1', 100).session).toBe(0)
    expect(bench.machine.session(party.session)).toMatchObject({ where: null })
  })
})

describe('the sweep', () => {
  /** Ends an epoch with `count` classic holders of one lock each, in an entry that cannot sweep them all. */
  function crowd(count: number): Bench {
    const bench = new Bench()
    bench.nodeUp('n1', 100)
    bench.nodeUp('n2', 200)
    for (let i = 0; i < count; i++) bench.classic('n1', 100, `lock-${i}`)
    return bench
  }

  test('goes on with every entry, in slices', () => {
    const bench = crowd(600)
    bench.apply(expire('n1', 100))
    expect(bench.machine.sweepPending()).toBe(true)
    expect(bench.machine.lockCount).toBe(600 - 256)
    bench.apply()
    bench.apply()
    expect(bench.machine.sweepPending()).toBe(false)
    expect(bench.machine.lockCount).toBe(0)
    expect(bench.machine.sessionCount).toBe(0)
  })

  test('Sweep does more of it', () => {
    const bench = crowd(600)
    bench.apply(expire('n1', 100), { type: CommandType.sweep })
    expect(bench.machine.sweepPending()).toBe(false)
  })

  test('what is not swept yet counts as ended or detached already', () => {
    const bench = crowd(2_000)
    const late = bench.open('n1', 100, { clientId: 'late' })
    bench.apply(expire('n1', 100))
    expect(bench.machine.sweepPending()).toBe(true)
    expect(bench.machine.holder('lock-1999')).toBeNull()
    expect([...bench.machine.locks()]).toEqual([])
    expect([...bench.machine.sessionsAt('n1', 100)]).toEqual([])
    expect(bench.machine.session(late.session)).toMatchObject({ where: null })
    bench.lock(late, 1, 'free')
    expect(bench.machine.holder('free')).toBeNull()
    bench.apply({ type: CommandType.end, ...attachment(late), bye: true, wallMs: 0 })
    expect(bench.machine.session(late.session)).not.toBeNull()
    expect(bench.open('n1', 100).session).toBe(0)
    const next = bench.classic('n2', 200, 'lock-1999')
    expect(bench.machine.firstHeld(next.session)).toMatchObject({ name: 'lock-1999' })
    expect(bench.machine.sweepPending()).toBe(true)
  })

  test('an unswept waiter is passed over, and the next in line gets the lock', () => {
    const bench = crowd(300)
    const holder = bench.classic('n2', 200, 'hot')
    const gone = bench.classic('n1', 100, 'hot', { waitMs: -1 })
    const next = bench.classic('n2', 200, 'hot', { waitMs: -1 })
    bench.apply(expire('n1', 100), { type: CommandType.end, ...attachment(holder), bye: true, wallMs: 0 })
    expect(bench.machine.sweepPending()).toBe(true)
    expect(bench.machine.session(gone.session)).toBeNull()
    expect(bench.machine.holder('hot')).toMatchObject({ session: next.session, waiters: 0 })
  })

  test('an unswept waiter is not shown any more', () => {
    const bench = crowd(300)
    bench.classic('n2', 200, 'hot')
    bench.classic('n1', 100, 'hot', { waitMs: -1 })
    const next = bench.classic('n2', 200, 'hot', { waitMs: -1 })
    bench.apply(expire('n1', 100))
    expect(bench.machine.sweepPending()).toBe(true)
    const { reports } = bench.machine
    expect(reports.who('hot', 10)).toMatchObject({ waiterCount: 1, waiting: [{ session: next.session, position: 1 }] })
    expect([...reports.listed('hot', -1)]).toMatchObject([{ waiters: 1 }])
    const { requests } = reports.why('hot', null, { requests: 10, blockers: 10, chain: 10 })
    expect(requests).toMatchObject([{ blockerCount: 1, place: { session: next.session, position: 1 } }])
  })

  test('goes by the numbers of the epochs, which a restored replica knows as well, not by the order of their ends', () => {
    const bench = new Bench()
    bench.nodeUp('n1', 900)
    bench.nodeUp('n2', 100)
    const high = bench.classic('n1', 900, 'high')
    const low = bench.classic('n2', 100, 'low')
    const ended = bench.apply(expire('n1', 900), expire('n2', 100)).filter(([kind]) => kind === 'ended')
    expect(ended.map(([, , session]) => session)).toEqual([low.session, high.session])
  })

  test('a session that waits to be swept can be resumed', () => {
    const bench = crowd(300)
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'mine')
    bench.apply(expire('n1', 100))
    const { effects } = bench.resume(party, 'n2', 200)
    expect(kinds(effects)).not.toContain('superseded')
    expect(kinds(effects)).toContain('resumed')
    expect(bench.machine.session(party.session)).toMatchObject({ attach: 2, held: [{ name: 'mine' }] })
  })
})

describe('members', () => {
  const conf = { votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }

  test('follow the configuration, with the names that the change brought', () => {
    const machine = new LockMachine(GENESIS)
    const infos = [{ raftId: 4, nodeId: 'n4', peerAddress: 'n4:7655' }]
    machine.applyMembership(1, { ...conf, voters: [1, 2, 3], learners: [4] }, [], encodeMemberContext(infos))
    expect(machine.members().map((m) => [m.raftId, m.nodeId, m.memberUid])).toEqual([
      [1, 'n1', ''],
      [2, 'n2', ''],
      [3, 'n3', ''],
      [4, 'n4', null],
    ])
    machine.applyMembership(2, { ...conf, voters: [1, 2, 4], votersOutgoing: [1, 2, 3] }, [], new Uint8Array(0))
    expect(machine.members().map((m) => m.raftId)).toEqual([1, 2, 3, 4])
    machine.applyMembership(3, { ...conf, voters: [1, 2, 4] }, [], new Uint8Array(0))
    expect(machine.members().map((m) => m.raftId)).toEqual([1, 2, 4])
    expect(taken(machine)).toEqual([['membersChanged'], ['membersChanged']])
  })

  test('the first claim of a Raft id wins; founding members are claimed', () => {
    const machine = new LockMachine(GENESIS)
    const infos = [{ raftId: 4, nodeId: 'n4', peerAddress: 'n4:7655' }]
    machine.applyMembership(1, { ...conf, voters: [1, 2, 3], learners: [4] }, [], encodeMemberContext(infos))
    const claim = (raftId: number, memberUid: string) =>
      machine.applyCommand(2, encodeCommand({ type: CommandType.claimMember, raftId, memberUid }))
    claim(4, 'first')
    claim(4, 'second')
    claim(1, 'wiped')
    claim(9, 'nobody')
    expect(machine.members().map((m) => m.memberUid)).toEqual(['', '', '', 'first'])
  })

  test('a node that comes up says where its peers find it, if it knows', () => {
    const bench = new Bench()
    const up = (node: string, epoch: number, expected: number, peer: string) =>
      bench.apply({ type: CommandType.nodeUp, node, epoch, expected, dead: 0, address: 'n:1', peer, programLevel: 1 })
    const addresses = () => bench.machine.members().map(({ peerAddress }) => peerAddress)
    expect(up('n2', 200, 0, 'elsewhere:1').map(([kind]) => kind)).toEqual(['nodeUp', 'membersChanged'])
    expect(addresses()).toEqual(['n1:7655', 'elsewhere:1', 'n3:7655'])
    // A late one, one that does not know, and one that tells no news.
    expect(up('n2', 201, 199, 'late:1')).toEqual([])
    expect(up('n2', 202, 200, '').map(([kind]) => kind)).toEqual(['nodeUp'])
    expect(up('n2', 203, 202, 'elsewhere:1').map(([kind]) => kind)).toEqual(['nodeUp'])
    expect(addresses()).toEqual(['n1:7655', 'elsewhere:1', 'n3:7655'])
  })

  test('the epochs of a removed member go on until they are ended', () => {
    const bench = new Bench()
    bench.nodeUp('n3', 300)
    const party = bench.open('n3', 300)
    bench.machine.applyMembership(50, { ...conf, voters: [1, 2] }, [], new Uint8Array(0))
    expect(bench.machine.isLive('n3', 300)).toBe(true)
    expect(essential(bench.lock(party, 1, 'a'))).toHaveLength(1)
    expect(bench.nodeUp('n3', 301, 300)).toEqual([])
  })
})

test('ids and tokens come from one counter, above the formation time and the index', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const first = bench.classic('n1', 100, 'a')
  expect([first.session, bench.token('a')]).toEqual([COUNTER_START + 1, COUNTER_START + 2])
  bench.index = COUNTER_START + 1_000
  const later = bench.classic('n1', 100, 'b')
  expect([later.session, bench.token('b')]).toEqual([COUNTER_START + 1_001, COUNTER_START + 1_002])
})
