/** What the auth file demands of whoever asks for a name, and rights that change while sessions live. */
import { describe, expect, it } from 'vitest'
import { accountsOf, policyOf } from '../kit/accounts.js'
import { hello, resume, started, startedAtLevel, talk } from '../kit/session-helpers.js'

const ACCOUNTS = {
  ci: { 'ci/': 'lock see', 'ci/secret/': '' },
  ops: { '': 'lock see break' },
}

describe('the rules of the auth file for a name', () => {
  const rules = {
    'public/': { modes: new Set(['exclusive'] as const), maxWaiters: 1 },
    'public/short/': { maxHoldMs: 60_000 },
    'public/told/': { metadata: ['host'] },
  }
  const accounts = accountsOf({ nobody: { '': 'lock' } }, rules)
  const strict = startedAtLevel(2, accounts)
  const at = strict.node(0)

  it.each([
    ['lock,id:1,name:public/a', 'ok,id:1'],
    ['lock,id:1,name:public/a,mode:shared', 'err,id:1,code:unauthorized'],
    ['lock,id:1,name:free/a,mode:shared', 'ok,id:1'],
    ['lock,id:1,name:public/short/a', 'err,id:1,code:unauthorized'],
    ['lock,id:1,name:public/short/a,ttl:61', 'err,id:1,code:'],
    ['lock,id:1,name:public/short/a,ttl:60', 'ok,id:1'],
    ['lock,id:1,name:public/short/a,ttl:1,min-hold:86400', 'err,id:1,code:unauthorized'],
    ['lock,id:1,name:public/short/a,ttl:1,delay:86400', 'err,id:1,code:unauthorized'],
    ['lock,id:1,name:public/told/a', 'err,id:1,code:unauthorized'],
    ['lock,id:1,name:public/told/a,meta:{"host":"h"}', 'ok,id:1'],
    ['lock,id:1,name:free/b,name:public/told/b', 'err,id:1,code:unauthorized'],
  ])('%s: %s', (line, told) => {
    const { socket } = hello(at)
    expect(talk(socket, `${line}\n`)).toContain(told)
    talk(socket, 'bye\n')
  })

  it('are written down where they refuse, in both dialects', () => {
    const { records } = accounts
    records.length = 0
    const { socket } = hello(at)
    talk(socket, 'lock,id:1,name:free/c,name:public/told/c\n', 'bye\n')
    expect(talk(at.connect(), 'lock,name:public/told/c\n')).toMatch(/^err,\S/)
    const refused = {
      action: 'lock',
      name: 'public/told/c',
      result: 'refused',
      reason: expect.stringMatching(/^meta: /),
    }
    expect(records).toEqual([expect.objectContaining(refused), expect.objectContaining(refused)])
  })

  it('bound those who wait', () => {
    const [one, two, three] = [hello(at), hello(at), hello(at)]
    talk(one.socket, 'lock,id:1,name:public/q\n')
    expect(talk(two.socket, 'lock,id:1,name:public/q,wait:9\n')).toContain('queued')
    expect(talk(three.socket, 'lock,id:1,name:public/q,wait:9\n')).toMatch(/^err,id:1,code:limit/)
    expect(talk(three.socket, 'lock,id:2,name:public/q\n')).toContain('not-granted')
    expect(talk(at.connect(), 'lock,name:public/q,wait:9\n')).toMatch(/^err,\S/)
    for (const { socket } of [one, two, three]) talk(socket, 'bye\n')
  })
})

it('a cluster of level 1 has stored a deadlock in words, and tells them to the eyes of the asker', () => {
  const at = started(accountsOf({ blind: { '': 'lock', 'ci/': 'lock see' }, ops: ACCOUNTS.ops })).node(0)
  const [a, b] = [hello(at, ',auth:token-of-blind'), hello(at, ',auth:token-of-ops')]
  talk(a.socket, 'lock,id:1,name:ci/a\n')
  talk(b.socket, 'lock,id:1,name:other/b\n', 'lock,id:2,name:ci/a,wait:9\n')
  const told = decodeURIComponent(talk(a.socket, 'lock,id:2,name:other/b,wait:9\n'))
  expect(told).toContain('code:deadlock,message:waiting would close the cycle another lock -> ci/a -> another lock')
})

it('what is no word of the protocol is not repeated: it may be a token', () => {
  const { socket } = hello(started().node(0))
  expect(talk(socket, 'nonsense,id:1\n')).toBe('err,id:1,code:bad-request,message:unknown%20action%20nonsense\n')
  expect(talk(socket, 'tnl_0aB,id:2\n', 'auth:tnl_0aB,id:3\n')).not.toContain('tnl')
})

describe('rights that change', () => {
  /** A cluster of its own, since its policy is replaced. */
  function changing() {
    const accounts = accountsOf(ACCOUNTS)
    const own = startedAtLevel(2, accounts)
    const replace = (change: Partial<typeof ACCOUNTS>, drop = '') => {
      const { [drop as keyof typeof ACCOUNTS]: _, ...rest } = { ...ACCOUNTS, ...change }
      accounts.access.replace(policyOf(rest))
      own.world.advance(20)
    }
    return { own, replace, at: own.node(0) }
  }

  it('a token that is taken away: the session is told, closed, and kept for its lease only', () => {
    const { own, replace, at } = changing()
    const one = hello(at, ',lease:5,linger:3600,auth:token-of-ci')
    const other = hello(at, ',auth:token-of-ops')
    talk(one.socket, 'lock,id:1,name:ci/x\n')
    const before = one.socket.text.length
    replace({}, 'ci')
    expect(one.socket.text.slice(before)).toMatch(/^err,code:unauthorized,message:\S+\n$/)
    expect(one.socket.closed).toBe('end')
    expect(other.socket.closed).toBeNull()
    talk(other.socket, 'lock,id:1,name:ci/x,wait:3600\n')
    own.world.advance(4_000)
    expect(other.socket.text).not.toContain('ok,id:1')
    own.world.advance(2_000)
    expect(other.socket.text).toContain('ok,id:1,name:ci/x')
  })

  it('a classic connection is closed, and its lock is free at once', () => {
    const { own, replace, at } = changing()
    const socket = at.connect()
    expect(talk(socket, 'lock,name:ci/x,auth:token-of-ci\n')).toBe('ok\n')
    replace({}, 'ci')
    expect(socket.text).toBe('ok\nerr,unauthorized\n')
    own.world.advance(100)
    expect(talk(at.connect(), 'lock,name:ci/x,auth:token-of-ops\n')).toBe('ok\n')
  })

  it('count from the next ask on; what is held may be given back', () => {
    const { replace, at } = changing()
    const one = hello(at, ',auth:token-of-ci')
    talk(one.socket, 'lock,id:1,name:ci/x\n', 'watch,id:2,name:ci/x\n')
    replace({ ci: { 'ci/': 'see', 'ci/secret/': '' } })
    expect(one.socket.closed).toBeNull()
    expect(talk(one.socket, 'lock,id:3,name:ci/y\n')).toContain('err,id:3,code:unauthorized')
    expect(talk(one.socket, 'release,id:4,name:ci/x\n')).toContain('released,id:4,name:ci/x')
    expect(one.socket.text).toContain('event,id:2')
  })

  it('end a watch that is not allowed any more', () => {
    const { replace, at } = changing()
    const one = hello(at, ',auth:token-of-ci')
    talk(one.socket, 'watch,id:2,name:ci/x\n', 'watch,id:3,name:ci/y\n')
    replace({ ci: { 'ci/': 'lock see', 'ci/x': 'lock' } as never })
    expect(one.socket.text).toMatch(/err,id:2,code:unauthorized,message:\S+\n$/)
    const before = one.socket.text.length
    talk(one.socket, 'lock,id:4,name:ci/x\n', 'lock,id:5,name:ci/y\n')
    const news = one.socket.text.slice(before)
    expect(news).not.toContain('event,id:2')
    expect(news).toContain('event,id:3')
  })

  it('do not touch what was asked and answered before: repeated after a resume it is answered as it was', () => {
    const { replace, at } = changing()
    const one = hello(at, ',auth:token-of-ci')
    talk(one.socket, 'lock,id:1,name:ci/x\n')
    one.socket.break()
    at.world.advance(50)
    replace({ ci: { 'ci/': 'see', 'ci/secret/': '' } })
    const again = resume(at, one, ',auth:token-of-ci')
    expect(talk(again, 'lock,id:1,name:ci/x\n')).toMatch(/^ok,id:1,name:ci\/x/)
    expect(talk(again, 'lock,id:2,name:ci/y\n')).toContain('err,id:2,code:unauthorized')
  })
})
