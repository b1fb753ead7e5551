import { describe, expect, test } from 'vitest'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { answers, attachment, Bench, essential, kinds, numbered, type Party } from './harness.js'

function twoNodes(): Bench {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  bench.nodeUp('n2', 200)
  return bench
}

function detach(party: Party, fin: boolean): Command {
  return { type: CommandType.detach, ...attachment(party), fin, wallMs: 0, leaseOnly: false }
}

describe('openings', () => {
  const request = { clientId: '', name: 'a', waitMs: 0, meta: '', delayMs: 0, wallMs: 5 }

  test('a connection opens once, however often its opening arrives', () => {
    const bench = twoNodes()
    const opening: Command = {
      type: CommandType.openClassic,
      node: 'n1',
      epoch: 100,
      conn: 1,
      floor: 1,
      ...request,
      amount: -1,
      limit: 0,
    }
    const effects = bench.apply(opening)
    expect(kinds(effects)).toEqual(['opened', 'answered'])
    expect(bench.apply(opening)).toEqual([])
    const session = bench.machine.holder('a')?.session ?? 0
    bench.apply({ type: CommandType.end, node: 'n1', epoch: 100, session, attach: 1, bye: true, wallMs: 0 })
    expect(bench.apply(opening)).toEqual([])
    expect(bench.machine.holder('a')).toBeNull()
  })

  test.each([
    {
      what: 'out of order',
      opened: [
        [3, 1],
        [1, 1],
        [2, 1],
      ],
      last: [4, 1],
      opens: true,
    },
    {
      what: 'out of order, repeated',
      opened: [
        [3, 1],
        [1, 1],
      ],
      last: [3, 1],
      opens: false,
    },
    {
      what: 'a gap that closes late',
      opened: [
        [3, 1],
        [1, 1],
      ],
      last: [2, 1],
      opens: true,
    },
    { what: 'below a floor that another opening raised', opened: [[5, 4]], last: [3, 1], opens: false },
    { what: 'at the floor', opened: [[5, 4]], last: [4, 4], opens: true },
    { what: 'below its own floor', opened: [], last: [3, 4], opens: false },
  ])('$what', ({ opened, last, opens }) => {
    const bench = twoNodes()
    const open = ([conn = 0, floor = 0]: number[]) =>
      bench.apply({
        type: CommandType.openClassic,
        node: 'n1',
        epoch: 100,
        conn,
        floor,
        ...request,
        amount: -1,
        limit: 0,
      })
    for (const opening of opened) open(opening)
    expect(kinds(open(last)).includes('opened')).toBe(opens)
    expect(bench.machine.openingApplied('n1', 100, last[0] ?? 0)).toBe(true)
    expect(bench.machine.openingApplied('n1', 100, 77)).toBe(false)
    expect(bench.machine.openingApplied('n2', 100, last[0] ?? 0)).toBe(false)
  })

  test('the epoch must be live and of that node', () => {
    const bench = twoNodes()
    expect(bench.open('n1', 200).session).toBe(0)
    expect(bench.open('n1', 999).session).toBe(0)
  })
})

describe('classic sessions', () => {
  test('a free lock is granted: opened, then the answer', () => {
    const bench = twoNodes()
    const { session, effects } = bench.classic('n1', 100, 'a', { clientId: 'c@h' })
    const where = { node: 'n1', epoch: 100, conn: 1 }
    expect(effects).toEqual([
      ['opened', where, session, 1],
      ['answered', where, session, -1, { kind: 'granted', name: 'a', token: session + 1 }],
    ])
    expect(bench.machine.session(session)).toMatchObject({ classic: true, where, held: [{ name: 'a' }], answers: [] })
    expect(bench.machine.holder('a')).toMatchObject({ session, clientId: 'c@h', sinceWallMs: 5, waiters: 0 })
  })

  test('a refused one ends with the same command', () => {
    const bench = twoNodes()
    bench.classic('n1', 100, 'a', { clientId: 'first' })
    const second = bench.classic('n2', 200, 'a')
    expect(kinds(second.effects)).toEqual(['opened', 'answered', 'ended'])
    const refusal = { kind: 'not-granted', name: 'a', reason: 'held', holder: 'first' }
    expect(answers(second.effects)).toEqual([[second.session, -1, refusal]])
    expect(bench.machine.session(second.session)).toBeNull()
    expect(bench.machine.sessionCount).toBe(1)
  })

  test('a waiting one is told its place and the holder; the end of the holder grants it', () => {
    const bench = twoNodes()
    const first = bench.classic('n1', 100, 'a')
    const second = bench.classic('n2', 200, 'a', { waitMs: 5_000 })
    const where = { node: 'n2', epoch: 200, conn: 2 }
    expect(second.effects).toEqual([
      ['opened', where, second.session, 1],
      ['queued', where, second.session, -1, 'a', 1, String(first.session)],
    ])
    const effects = bench.apply({ type: CommandType.end, ...attachment(first), bye: true, wallMs: 0 })
    expect(effects).toEqual([
      ['answered', where, second.session, -1, { kind: 'granted', name: 'a', token: second.session + 1 }],
      ['ended', { node: 'n1', epoch: 100, conn: 1 }, first.session],
    ])
  })

  test.each([
    {
      what: 'its wait times out',
      command: (p: Party): Command => ({ type: CommandType.waitTimeout, ...numbered(p), target: -1 }),
      reason: 'timeout',
    },
    {
      what: 'it gives up its place',
      command: (p: Party): Command => ({ type: CommandType.cancel, ...numbered(p), request: -2, target: -1 }),
      reason: 'cancelled',
    },
  ])('one that waits ends when $what', ({ command, reason }) => {
    const bench = twoNodes()
    bench.classic('n1', 100, 'a', { clientId: 'first' })
    const second = bench.classic('n2', 200, 'a', { waitMs: 5_000 })
    const effects = bench.apply(command(second))
    expect(answers(effects)[0]).toEqual([
      second.session,
      -1,
      { kind: 'not-granted', name: 'a', reason, holder: 'first' },
    ])
    expect(kinds(effects).at(-1)).toBe('ended')
  })

  test('one that releases ends after the answer; one that is left ends', () => {
    const bench = twoNodes()
    const first = bench.classic('n1', 100, 'a')
    expect(kinds(bench.release(first, -2, 'a'))).toEqual(['applied', 'answered', 'ended'])
    const second = bench.classic('n1', 100, 'a')
    expect(kinds(bench.apply(detach(second, false)))).toEqual(['ended'])
    expect(bench.machine.lockCount).toBe(0)
  })

  test('cannot be resumed', () => {
    const bench = twoNodes()
    const first = bench.classic('n1', 100, 'a')
    expect(kinds(bench.resume(first, 'n2', 200).effects)).toEqual(['resumeRefused'])
  })
})

describe('the header of a numbered command', () => {
  const good = { node: 'n1', epoch: 100, attach: 1, n: 3 }

  test.each([
    { what: 'the next number', change: {}, applies: true },
    { what: 'a repeat', change: { n: 2 }, applies: false },
    { what: 'a gap', change: { n: 4 }, applies: false },
    { what: 'another node', change: { node: 'n2' }, applies: false },
    { what: 'another epoch', change: { epoch: 200 }, applies: false },
    { what: 'an earlier attachment', change: { attach: 0 }, applies: false },
    { what: 'a later attachment', change: { attach: 2 }, applies: false },
    { what: 'no such session', change: { session: 5 }, applies: false },
  ])('$what', ({ change, applies }) => {
    const bench = twoNodes()
    const { session } = bench.open('n1', 100)
    const asked = { request: 1, waitMs: 0, meta: '', delayMs: 0, wallMs: 5, ack: 0, session }
    bench.apply({ type: CommandType.lock, ...good, ...asked, n: 1, name: 'one' })
    bench.apply({ type: CommandType.lock, ...good, ...asked, n: 2, name: 'two', request: 2 })
    const effects = bench.apply({ type: CommandType.lock, ...good, ...asked, name: 'three', request: 3, ...change })
    expect(effects.length > 0).toBe(applies)
    if (applies) expect(effects[0]).toEqual(['applied', { node: 'n1', epoch: 100, conn: 1 }, session, 1, 3])
    expect(bench.machine.session(session)?.lastN).toBe(applies ? 3 : 2)
  })
})

describe('detached sessions', () => {
  test.each([
    { what: 'a FIN with linger', lease: 10_000, linger: 3_000, fin: true, forMs: 3_000 },
    { what: 'a broken connection', lease: 10_000, linger: 3_000, fin: false, forMs: 10_000 },
    { what: 'a broken connection, long linger', lease: 10_000, linger: 30_000, fin: false, forMs: 30_000 },
  ])('$what leaves it resumable', ({ lease, linger, fin, forMs }) => {
    const bench = twoNodes()
    const party = bench.open('n1', 100, { leaseMs: lease, lingerMs: linger })
    bench.lock(party, 1, 'a')
    expect(bench.apply(detach(party, fin))).toEqual([['detached', party.session, 1, forMs]])
    expect(bench.apply(detach(party, !fin))).toEqual([])
    expect([...bench.machine.detachedSessions()]).toEqual([{ session: party.session, attach: 1, forMs }])
    const left = (attach: number, leftMs: number) => {
      bench.apply({ type: CommandType.left, session: party.session, attach, leftMs })
      return [...bench.machine.detachedSessions()].map((one) => one.forMs)
    }
    // Another attach count was counted, more than there is cannot be left, and what comes late takes nothing back.
    expect([left(0, 1), left(2, 1), left(1, forMs + 1)]).toEqual([[forMs], [forMs], [forMs]])
    expect([left(1, forMs - 300), left(1, forMs - 200)]).toEqual([[forMs - 300], [forMs - 300]])
    expect([...bench.machine.sessionsAt('n1', 100)]).toEqual([])
    expect(bench.machine.holder('a')?.session).toBe(party.session)
  })

  test('a FIN without linger ends it', () => {
    const bench = twoNodes()
    const party = bench.open('n1', 100)
    expect(bench.apply(detach(party, true))).toEqual([['ended', { node: 'n1', epoch: 100, conn: 1 }, party.session]])
  })

  test('expiry ends exactly the attachment that was counted', () => {
    const bench = twoNodes()
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a')
    const expiry = (attach: number): Command => ({
      type: CommandType.expireSession,
      session: party.session,
      attach,
      wallMs: 0,
    })
    expect(bench.apply(expiry(1))).toEqual([])
    bench.apply(detach(party, false))
    const { party: again } = bench.resume(party, 'n2', 200)
    expect(again.attach).toBe(2)
    bench.apply(detach(again, false))
    expect(bench.apply(expiry(1))).toEqual([])
    expect(bench.apply(expiry(2))).toEqual([['ended', null, party.session]])
    expect(bench.machine.holder('a')).toBeNull()
  })

  test('keep their place in the queue and get the lock; the answer waits for the client', () => {
    const bench = twoNodes()
    const holder = bench.open('n2', 200)
    bench.lock(holder, 1, 'a')
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a', { waitMs: -1 })
    bench.apply(detach(party, false))
    const effects = bench.release(holder, 2, 'a')
    expect(answers(effects)).toEqual([[holder.session, 2, { kind: 'released', name: 'a' }]])
    const token = bench.token('a')
    expect(bench.machine.session(party.session)).toMatchObject({
      held: [{ name: 'a', token }],
      answers: [[1, { kind: 'granted', grants: [{ name: 'a', token }] }]],
    })
  })

  test('the leader counts their waits', () => {
    const bench = twoNodes()
    const holder = bench.open('n2', 200, { clientId: 'holder' })
    bench.lock(holder, 1, 'a')
    bench.lock(holder, 2, 'b')
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a', { waitMs: 700 })
    bench.lock(party, 2, 'b', { waitMs: -1 })
    const timeout = (attach: number): Command => ({
      type: CommandType.detachedWaitTimeout,
      session: party.session,
      attach,
      target: 1,
    })
    expect(bench.apply(timeout(1))).toEqual([])
    bench.apply(detach(party, false))
    expect([...bench.machine.queuedOfDetached()]).toEqual([
      { session: party.session, attach: 1, request: 1, waitMs: 700 },
    ])
    bench.apply(timeout(2))
    expect(bench.machine.session(party.session)?.queued).toHaveLength(2)
    bench.apply(timeout(1))
    expect(bench.machine.session(party.session)).toMatchObject({
      queued: [{ request: 2 }],
      answers: [[1, { kind: 'not-granted', reason: 'timeout', holder: 'holder' }]],
    })
  })
})

describe('resume', () => {
  test('moves a session that is still attached; the old connection is superseded', () => {
    const bench = twoNodes()
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a')
    const { party: moved, effects } = bench.resume(party, 'n2', 200)
    expect(effects).toEqual([
      ['superseded', { node: 'n1', epoch: 100, conn: 1 }, party.session],
      ['resumed', { node: 'n2', epoch: 200, conn: 2 }, party.session, 2],
    ])
    expect(bench.lock(party, 2, 'b')).toEqual([])
    expect(bench.apply(detach(party, false))).toEqual([])
    expect(bench.apply({ type: CommandType.end, ...attachment(party), bye: true, wallMs: 0 })).toEqual([])
    expect(answers(bench.lock(moved, 2, 'b'))).toHaveLength(1)
    expect(bench.machine.isAttached(party.session, 'n2', 200, 2)).toBe(true)
    expect(bench.machine.isAttached(party.session, 'n1', 100, 1)).toBe(false)
    expect([...bench.machine.sessionsAt('n2', 200)]).toEqual([party.session])
    expect([...bench.machine.sessionsAt('n1', 100)]).toEqual([])
  })

  test('is refused with a wrong secret, for a stranger and after the end', () => {
    const bench = twoNodes()
    const party = bench.open('n1', 100)
    const where = (conn: number) => ({ node: 'n2', epoch: 200, conn })
    expect(bench.resume(party, 'n2', 200, 'wrong').effects).toEqual([['resumeRefused', where(2), party.session]])
    expect(bench.resume({ ...party, session: 7 }, 'n2', 200).effects).toEqual([['resumeRefused', where(3), 7]])
    bench.apply({ type: CommandType.end, ...attachment(party), bye: true, wallMs: 0 })
    expect(bench.resume(party, 'n2', 200).effects).toEqual([['resumeRefused', where(4), party.session]])
  })

  test('a late duplicate does not move it back', () => {
    const bench = twoNodes()
    const party = bench.open('n1', 100)
    const header = { node: 'n2', epoch: 200, conn: 9, floor: 1 }
    const resume: Command = {
      type: CommandType.resume,
      ...header,
      session: party.session,
      secretHash: 'secret',
      attempt: 0,
      identity: '',
      asAnyone: false,
    }
    expect(essential(bench.apply(resume))).toHaveLength(2)
    bench.resume(party, 'n1', 100)
    expect(bench.apply(resume)).toEqual([])
    expect(bench.machine.session(party.session)).toMatchObject({ attach: 3, where: { node: 'n1' } })
  })
})
