/** Requests for several names, and with terms: what is said, and what the answers mean. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Ask } from '../../../src/client/asks.js'
import {
  AlreadyDoneError,
  DeadlockError,
  LockLostError,
  type LostReason,
  NotGrantedError,
} from '../../../src/client/errors.js'
import { LockAsking } from '../../../src/client/session/lock-asking.js'
import { ClientSession } from '../../../src/client/session/session.js'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { formatLine } from '../../../src/protocol/line.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'

const exclusive = (...names: string[]): Ask[] => names.map((name) => ({ name, amount: 'exclusive' }))

describe('the line', () => {
  const line = (asks: readonly Ask[], terms: object, level = 2): string =>
    formatLine('lock', new LockAsking(asks, { waitMs: 0, ...terms }).fields(level)).trimEnd()

  it('says what all names have in common once', () => {
    expect(line(exclusive('a'), {})).toBe('lock,name:a')
    expect(line([{ name: 'a', amount: 'shared' }], {})).toBe('lock,name:a,mode:shared')
    const two = { permits: 2, limit: 5 }
    expect(
      line(
        ['a', 'b'].map((name) => ({ name, amount: two })),
        {},
      ),
    ).toBe('lock,name:a,name:b,limit:5,permits:2')
    const mixed: Ask[] = [...exclusive('a'), { name: 'b', amount: 'shared' }, { name: 'c', amount: two }]
    expect(line(mixed, {})).toBe('lock,name:a,name:b@shared,name:c@2/5')
  })

  it('has the terms, in seconds', () => {
    const terms = { waitMs: 1_500, delayMs: 1, minHoldMs: 60_000, ttlMs: 250, once: 'k', onceTtlMs: 5_000, meta: 'a b' }
    expect(line(exclusive('a'), terms)).toBe(
      'lock,name:a,wait:1.5,delay:0.001,min-hold:60,ttl:0.25,once:k,once-ttl:5,meta:a%20b',
    )
  })

  it('says what is kept, which a cluster of level 1 does not know', () => {
    const kept = [
      { name: 'x', token: 5 },
      { name: 'y', token: 6 },
    ]
    expect(line(exclusive('a'), { holding: kept })).toBe('lock,name:a,holding:x@5,holding:y@6')
    expect(line(exclusive('a'), { holding: [] })).toBe('lock,name:a,holding:none')
    expect(line(exclusive('a'), { holding: kept }, 1)).toBe('lock,name:a')
  })

  it('is one that a node takes, however much is kept', () => {
    const kept = Array.from({ length: 1_000 }, (_, token) => ({ name: 'n'.repeat(255), token }))
    const asks = Array.from({ length: 64 }, (_, at) => ({ name: `${at}`.padEnd(255, 'x'), amount: 'shared' as const }))
    const text = line(asks, { holding: kept, meta: ','.repeat(4_096) })
    expect(Buffer.byteLength(text)).toBeLessThan(32_768)
    // The innermost are the last.
    expect(text).toContain('@999')
    expect(
      line(exclusive('a'), { holding: kept.map(({ token }) => ({ name: 'n', token })) }).split('holding').length - 1,
    ).toBe(256)
  })
})

describe('the answers', () => {
  let cluster: FakeCluster
  let node: FakeNode
  let session: ClientSession
  let lost: [string, LostReason][]

  beforeEach(async () => {
    cluster = new FakeCluster(3)
    node = await cluster.addNode()
    lost = []
    const options = { endpoints: parseEndpoints(cluster.endpoints), leaseMs: 3_000, lingerMs: 0, reachMs: 2_000 }
    session = await ClientSession.open(options, { lost: ({ name }, reason) => lost.push([name, reason]) })
  })
  afterEach(async () => {
    await session.close()
    await cluster.close()
  })

  const answer = (...words: string[]): void => {
    node.script = (line) =>
      line.action === 'lock' ? words.map((each) => each.replace('N', line.get('id') ?? '')) : null
  }
  const ask = (...names: string[]) => session.ask(exclusive(...names), { waitMs: 0 })

  it('come once for each name, and are the grants in the order asked', async () => {
    answer('ok,id:N,name:a,token:5', 'ok,id:N,name:b,token:6,limit:9')
    const grants = await ask('a', 'b')
    expect(grants).toEqual([
      { name: 'a', token: 5, limit: undefined },
      { name: 'b', token: 6, limit: 9 },
    ])
    expect(grants.every((grant) => session.holds(grant))).toBe(true)
  })

  it('are not complete before the last name, and begin anew after a reconnect', async () => {
    answer('ok,id:N,name:a,token:5')
    let isGranted = false
    const asked = ask('a', 'b').finally(() => {
      isGranted = true
    })
    await node.until(() => node.heard('lock'))
    answer('ok,id:N,name:a,token:5', 'ok,id:N,name:b,token:6')
    expect(isGranted).toBe(false)
    for (const connection of node.connections) connection.reset()
    expect((await asked).map(({ token }) => token)).toEqual([5, 6])
  })

  it.each([
    ['before the last of them', ['ok,id:N,name:a,token:5', 'lost,name:a,token:5,reason:ttl', 'ok,id:N,name:b,token:6']],
    ['after them', ['ok,id:N,name:a,token:5', 'ok,id:N,name:b,token:6', 'lost,name:a,token:5,reason:ttl']],
  ])('tell of a hold that has ended since, %s', async (_, words) => {
    answer(...words)
    const [a, b] = await ask('a', 'b')
    await vi.waitFor(() => expect(lost).toEqual([['a', 'ttl']]))
    expect([a, b].map((grant) => grant !== undefined && session.holds(grant))).toEqual([false, true])
  })

  it.each([
    [
      'held',
      'reason:held,holder:me@x,holders:3',
      { holder: 'me@x', details: { holders: 3 } },
      'held by me@x and 2 more',
    ],
    ['queued', 'reason:queued,holder:me@x', { holder: 'me@x' }, 'me@x waits for it'],
    ['delayed', 'reason:delayed,for:2.5', { holder: null, details: { forMs: 2_500 } }, 'for 2.5 s at most'],
    ['frozen', 'reason:frozen,message:a%20move', { details: { words: 'a move' } }, 'a move'],
  ])('say that it is %s', async (reason, words, fields, text) => {
    answer(`not-granted,id:N,name:b,${words}`)
    const error: unknown = await ask('a', 'b').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NotGrantedError)
    expect(error).toMatchObject({ lockName: 'b', reason, ...fields, message: expect.stringContaining(text) })
  })

  it('say that it was done before', async () => {
    answer('done,id:N,key:k,since:1700000000,holder:me@x')
    const error: unknown = await session
      .ask(exclusive('a'), { waitMs: 0, once: 'k' })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AlreadyDoneError)
    expect(error).toMatchObject({ key: 'k', holder: 'me@x', since: new Date(1_700_000_000_000) })
  })

  describe('to a release with its done-mark', () => {
    const release = async (...words: string[]): Promise<unknown> => {
      answer('ok,id:N,name:a,token:5')
      const [grant] = await session.ask(exclusive('a'), { waitMs: 0, once: 'k' })
      if (grant === undefined) throw new Error('no grant')
      node.script = (line) =>
        line.action === 'release' ? words.map((each) => each.replace('N', line.get('id') ?? '')) : null
      const released = await session.releaseDone(grant).catch((thrown: unknown) => thrown)
      expect(node.received.some((line) => line.includes('name:a,token:5,done:yes'))).toBe(true)
      return released
    }

    it('count it only if it was committed under a current hold', async () => {
      expect(await release('released,id:N,name:a')).toBeUndefined()
    })

    it('do not if the node had said that the hold was lost', async () => {
      expect(await release('lost,name:a,token:5,reason:forced', 'released,id:N,name:a')).toBeInstanceOf(LockLostError)
    })

    it('do not if nobody holds it', async () => {
      expect(await release('err,id:N,code:not-holder,message:no')).toBeInstanceOf(LockLostError)
    })
  })

  describe('of a loose hold', () => {
    const loose = { waitMs: 0, ttlMs: 60_000, loose: true }
    const unlocks = (): string[] => node.received.filter((line) => line.startsWith('unlock'))

    it('ask for one that the session does not keep', async () => {
      answer('ok,id:N,name:a,token:5')
      const [grant] = await session.ask(exclusive('a'), loose)
      expect(node.received.some((line) => line.includes('name:a,ttl:60,loose:yes'))).toBe(true)
      expect(grant).toMatchObject({ token: 5, loose: true })
      expect(session.idle).toBe(true)
      for (const connection of node.connections) connection.reset()
      await vi.waitFor(() => expect(session.link).not.toBeNull())
      expect(lost).toEqual([])
    })

    it('that come too late are undone by a word that frees it', async () => {
      answer()
      const giveUp = new AbortController()
      const asked = session.ask(exclusive('a'), { ...loose, waitMs: 60_000, signal: giveUp.signal })
      await node.until(() => node.heard('lock'))
      const [id = ''] = /(?<=id:)\d+/.exec(node.received.find((line) => line.startsWith('lock')) ?? '') ?? []
      node.script = (line) => {
        if (line.action === 'cancel') return [`ok,id:${id},name:a,token:5`, `cancelled,id:${line.get('id')}`]
        return line.action === 'unlock' ? [`released,id:${line.get('id')},name:a`] : null
      }
      giveUp.abort(new Error('enough'))
      await expect(asked).rejects.toThrow('enough')
      expect(unlocks()).toEqual([expect.stringContaining('name:a,token:5')])
    })

    it('say whether it was ended', async () => {
      const owner = { session: '7', secret: 's' }
      const said = [
        'released,id:N,name:a',
        'err,id:N,code:not-holder,message:no',
        'err,id:N,code:unauthorized,message:no',
      ]
      node.script = (line) =>
        line.action === 'unlock' ? [(said.shift() ?? '').replace('N', line.get('id') ?? '')] : null
      expect(await session.unlock('a')).toBe(true)
      expect(await session.unlock('a', { token: 5, owner })).toBe(false)
      expect(unlocks()[1]).toMatch(/,name:a,token:5,session:7,secret:s/)
      await expect(session.unlock('a')).rejects.toMatchObject({ serverCode: 'unauthorized' })
    })
  })

  it('of a refusal keep its code', async () => {
    answer('err,id:N,code:limit-mismatch,message:the%20limit%20is%204')
    await expect(ask('a')).rejects.toMatchObject({ serverCode: 'limit-mismatch', message: 'the limit is 4' })
    answer('err,id:N,code:deadlock,message:a%20circle')
    await expect(ask('a')).rejects.toBeInstanceOf(DeadlockError)
  })

  it('count as many as they are', async () => {
    answer()
    const names = Array.from({ length: 64 }, (_, index) => `n${index}`)
    const asked = Array.from({ length: 8 }, (_, at) => ask(...names.map((name) => `${name}-${at}`)))
    for (const each of asked) each.catch(() => {})
    expect(session.crowded).toBe(true)
  })
})
