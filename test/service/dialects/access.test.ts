/** Who may what, at the edge: every request of both dialects, what is told of what may not be seen, and rights that change. */
import { describe, expect, it } from 'vitest'
import { FIRST_REQUESTS, LATER_REQUESTS } from '../../../src/service/dialects/requests/classic/table.js'
import { isStored } from '../../../src/service/dialects/requests/needs.js'
import { OPENINGS, REQUESTS } from '../../../src/service/dialects/requests/table.js'
import { FAILED_ATTEMPT_MS } from '../../../src/service/limits.js'
import { accountsOf } from '../kit/accounts.js'
import { hello, type Opened, resume, startedAtLevel, talk, tokenOf } from '../kit/session-helpers.js'

const ACCOUNTS = {
  ci: { 'ci/': 'lock see', 'ci/secret/': '' },
  /** Takes locks, and is told nothing of anybody's. */
  blind: { 'ci/': 'lock' },
  eyes: { '': 'see' },
  ops: { '': 'lock see break', cluster: 'members transfer snapshot shutdown' },
  /** May only what none of the lines below is about. */
  elsewhere: { 'elsewhere/': 'lock' },
  nobody: { 'public/': 'lock' },
}

const CLUSTER = accountsOf(ACCOUNTS)
/** A cluster for what changes nothing in it that another test could see. */
const cluster = startedAtLevel(2, CLUSTER)
const node = cluster.node(0)
const as = (identity: string, at = node): Opened => hello(at, `,auth:token-of-${identity}`)

function classic(line: string, at = node): string {
  return talk(at.connect(), `${line}\n`)
}

/** A line of each request, about names that only `ops` has rights to. */
const LINES: Readonly<Record<string, string>> = {
  lock: 'lock,name:other/x',
  release: 'release,name:other/x',
  unlock: 'unlock,name:other/x',
  cancel: 'cancel,request:1',
  check: 'check,name:other/x,token:5',
  locks: 'locks,prefix:other/',
  queues: 'queues',
  who: 'who,name:other/x',
  why: 'why,name:other/x',
  history: 'history,name:other/x',
  sessions: 'sessions',
  marks: 'marks',
  freezes: 'freezes',
  watch: 'watch,prefix:other/',
  '.keepalive': '.keepalive',
  bye: 'bye',
  '.snapshot': '.snapshot',
  '.force-release': '.force-release,name:other/x,token:5,reason:r',
  '.resize': '.resize,name:other/x,limit:3',
  '.freeze': '.freeze,prefix:other/,reason:r',
  '.thaw': '.thaw,prefix:other/',
  '.forget': '.forget,key:other/x',
  '.members': '.members',
  '.member-add': '.member-add,node:n9,peer:h:1',
  '.member-promote': '.member-promote,node:n9',
  '.member-remove': '.member-remove,node:n9',
  '.transfer': '.transfer,node:n2',
  '.upgrade': '.upgrade',
  '.upgrade-hold': '.upgrade-hold',
  '.upgrade-finish': '.upgrade-finish',
}

describe('every request of a session', () => {
  it('has a line here', () => {
    expect(Object.keys(LINES).sort()).toEqual([...REQUESTS.keys()].sort())
  })

  it.each([...REQUESTS.values()].map((request) => [request.action, request] as const))(
    '%s is refused to whoever lacks what it needs, and to nobody else',
    (action, { needs }) => {
      const line = LINES[action] ?? ''
      const [key, ...values] = line.split(',')
      const numbered = [key, 'id:1', ...values].join(',')
      const told = talk(as('elsewhere').socket, `${numbered}\n`)
      if (needs === 'nothing') expect(told).not.toContain('unauthorized')
      else expect(told).toMatch(/^err,id:1,code:unauthorized,message:\S+\n$/)
      expect(talk(as('ops').socket, `${numbered}\n`)).not.toContain('unauthorized')
    },
  )

  it('that is answered by the state once is known as such: reads are judged anew though their id was used', () => {
    const stored = [...REQUESTS.values()].filter(({ needs }) => isStored(needs)).map(({ action }) => action)
    const operators = ['.force-release', '.resize', '.freeze', '.thaw', '.forget']
    expect(stored.sort()).toEqual(['lock', 'unlock', ...operators].sort())
  })

  it('is refused in the same words whether there is such a lock or not', () => {
    const ops = as('ops')
    talk(ops.socket, 'lock,id:1,name:ci/secret/held\n')
    const ci = as('ci')
    for (const action of ['lock', 'unlock', 'who', 'why', 'history', 'watch', '.resize', '.force-release']) {
      const ask = (name: string) => {
        const line = (LINES[action] ?? '').replace('prefix:other/', 'name:other/x').replace('other/x', name)
        return talk(ci.socket, `${line}\n`).replaceAll(name, 'NAME')
      }
      expect(ask('ci/secret/held'), action).toMatch(/^err,code:unauthorized/)
      expect(ask('ci/secret/held'), action).toBe(ask('ci/secret/free'))
    }
    talk(ops.socket, 'bye\n')
  })

  it('of several names is refused for any of them, and nothing of it is proposed', () => {
    const ci = as('ci')
    const before = cluster.node(0).appliedIndex()
    const told = talk(ci.socket, 'lock,id:1,name:ci/a,name:ci/secret/b\n')
    expect(told).toMatch(/^err,id:1,code:unauthorized,message:\S*lock%20ci\/secret\/b/)
    expect(talk(ci.socket, 'lock,id:2,name:ci/a,once:other/key\n')).toContain('unauthorized')
    expect(cluster.node(0).appliedIndex()).toBe(before)
    talk(ci.socket, 'bye\n')
  })

  it('for a prefix needs the verb for every longer rule under it', () => {
    const ci = as('ci')
    expect(talk(ci.socket, 'watch,id:1,prefix:ci/\n')).toContain('unauthorized')
    expect(talk(ci.socket, 'watch,id:2,prefix:ci/a\n')).toContain('watching,id:2')
    expect(talk(ci.socket, 'watch,id:3,name:ci/secret/x\n')).toContain('unauthorized')
    talk(ci.socket, 'bye\n')
  })
})

describe('the first line', () => {
  it('of each kind says what it needs', () => {
    expect([...FIRST_REQUESTS.keys()].sort()).toEqual(['.ping', '.server-shutdown', '.stats', 'check', 'lock'])
    expect([...LATER_REQUESTS.values()].map(({ needs }) => needs)).toEqual(['nothing', 'nothing'])
    expect([...OPENINGS.keys()]).toEqual(['hello', 'resume'])
  })

  it.each([
    ['lock,name:other/x', 'err,unauthorized\n|closed'],
    ['lock,name:public/x', 'ok\n'],
    ['lock,name:public/x', 'ok\n'],
    ['lock,name:other/y,auth:token-of-ops', 'ok\n'],
    ['lock,name:ci/x,auth:token-of-ci', 'ok\n'],
    ['.ping', 'pong\n|closed'],
    ['.ping,auth:wrong', 'pong\n|closed'],
    ['.stats', 'err,unauthorized\n|closed'],
    ['.server-shutdown', 'err,shutdown not allowed\n|closed'],
    ['lock', 'err,invalid lock name\n|closed'],
    ['nonsense', 'bad-action\n|closed'],
  ])('%s: %s', (line, told) => {
    const socket = node.connect()
    expect(talk(socket, `${line}\n`)).toBe(told)
    if (socket.closed === null) socket.fin()
    node.world.advance(50)
  })

  it('of a check says so in its own form', () => {
    expect(classic('check,id:3,name:other/x,token:1')).toMatch(/^err,id:3,code:unauthorized,message:\S+\n\|closed$/)
    expect(classic('check,name:other/x,token:1,auth:token-of-eyes')).toBe('stale\n|closed')
  })

  it('of a session is refused to whoever may do nothing at all', () => {
    const nobody = startedAtLevel(2, accountsOf({ ci: { '': 'lock' } }))
    const told = talk(nobody.node(0).connect(), 'hello,version:2,redirect:no\n')
    expect(told).toMatch(/^err,code:unauthorized,message:\S+\n\|closed$/)
    expect(talk(node.connect(), 'hello,version:2,redirect:no\n'), 'nobody may lock public/').toContain('welcome')
  })

  it('is judged before anybody is sent elsewhere', () => {
    const other = cluster.nodes.find((one) => one !== cluster.leader) ?? node
    expect(classic('lock,name:other/x,redirect:yes', other)).toBe('err,unauthorized\n|closed')
    expect(classic('lock,name:public/r,redirect:yes', other)).toMatch(/^redirect,address:/)
  })

  it('takes a certificate for a token', () => {
    const socket = node.connect()
    socket.certificateNames = ['tnl://clients/ci']
    expect(talk(socket, 'lock,name:ci/cert\n')).toBe('ok\n')
    socket.fin()
    node.world.advance(50)
  })
})

describe('a token that is nobody’s', () => {
  it.each([
    ['hello,version:2,auth:guess', /^err,code:unauthorized,message:auth\S+\n$/],
    ['resume,session:1,secret:x,auth:guess', /^err,code:unauthorized,message:auth\S+\n$/],
    ['lock,name:public/x,auth:guess', /^err,unauthorized\n$/],
    ['.stats,auth:', /^err,unauthorized\n$/],
  ])('is answered after a while: %s', (line, words) => {
    const socket = node.connect()
    talk(socket, `${line}\n`, 'lock,name:public/x\n', '.keepalive\n')
    node.world.advance(FAILED_ATTEMPT_MS - 200)
    expect(socket.text).toBe('')
    expect(socket.hasMadeWay).toBe(true)
    node.world.advance(300)
    expect(socket.text).toMatch(words)
    expect(socket.closed).toBe('end')
    const { name, ...record } = CLUSTER.records.at(-1) ?? {}
    expect(record).toMatchObject({ result: 'refused', caller: { id: '', proof: 'none' } })
    expect(JSON.stringify([CLUSTER.records, node.logged])).not.toContain('guess')
  })

  it('of a client that has gone meanwhile is forgotten', () => {
    const socket = node.connect()
    socket.send('lock,name:public/x,auth:guess\n')
    socket.break()
    node.world.advance(2_000)
    expect(socket.text).toBe('')
  })
})

describe('what may not be seen', () => {
  it('is no holder in a refusal', () => {
    const one = hello(node, ',client-id:holder,auth:token-of-ops')
    talk(one.socket, 'lock,id:1,name:ci/h\n')
    expect(talk(as('ci').socket, 'lock,id:1,name:ci/h\n')).toContain('reason:held,holder:holder\n')
    expect(talk(as('blind').socket, 'lock,id:1,name:ci/h\n')).toBe('not-granted,id:1,name:ci/h,reason:held\n')
    talk(one.socket, 'bye\n')
  })

  it('is neither name nor client in a deadlock', () => {
    const open = (id: string, who: string) => hello(node, `,client-id:${id},auth:token-of-${who}`)
    const [a, b, c] = [open('A', 'blind'), open('B', 'ops'), open('C', 'ops')]
    talk(a.socket, 'lock,id:1,name:ci/a\n')
    talk(b.socket, 'lock,id:1,name:other/b\n', 'lock,id:2,name:ci/a,wait:9\n')
    talk(c.socket, 'lock,id:1,name:ci/c\n', 'lock,id:2,name:other/b,wait:9\n')
    const told = talk(a.socket, 'lock,id:2,name:ci/c,wait:9\n')
    expect(told).not.toMatch(/other\/|B/)
    expect(decodeURIComponent(told)).toContain(
      'A waits for another lock of somebody waits for another lock of somebody waits for another lock of A',
    )
    talk(a.socket, 'bye\n')
    const ci = open('D', 'ci')
    talk(ci.socket, 'lock,id:1,name:ci/d\n')
    talk(b.socket, 'lock,id:3,name:ci/d,wait:9\n')
    expect(decodeURIComponent(talk(ci.socket, 'lock,id:2,name:ci/c,wait:9\n'))).toContain(
      'D waits for ci/c of C waits for another lock of B waits for ci/d of D',
    )
    for (const { socket } of [b, c, ci]) talk(socket, 'bye\n')
  })

  it('is in no listing, count or report', () => {
    const own = startedAtLevel(2, accountsOf(ACCOUNTS))
    const node = own.node(0)
    const as = (identity: string) => hello(node, `,auth:token-of-${identity}`)
    const ops = hello(node, ',client-id:SECRET,auth:token-of-ops')
    const waiting = hello(node, ',client-id:WAITER,auth:token-of-ops')
    const ask = (line: string) => talk(ops.socket, `lock,id:1,${line}\n`)
    ask('name:ci/seen,ttl:60')
    talk(ops.socket, 'lock,id:2,name:ci/secret/hidden,ttl:3600,once:other/mark\n')
    const token = tokenOf(ops, 'ci/secret/hidden')
    talk(waiting.socket, 'lock,id:1,name:ci/secret/hidden,name:ci/seen,wait:9\n')
    talk(ops.socket, '.freeze,id:3,prefix:other/,reason:hush\n', '.freeze,id:4,prefix:ci/f,reason:open\n')
    const ci = as('ci')
    talk(
      ci.socket,
      ...['locks,id:1\n', 'locks,id:2,match:.*\n', 'locks,id:3,prefix:ci/secret\n'],
      ...['queues,id:4\n', 'why,id:5,name:ci/seen\n', 'who,id:6,name:ci/seen\n'],
      ...['sessions,id:7\n', 'marks,id:8\n', 'freezes,id:9\n'],
    )
    node.world.advance(500)
    expect(ci.socket.text).not.toMatch(/\/hidden|mark"|other|hush/)
    expect(ci.socket.text).toContain('end,id:1,count:1')
    expect(ci.socket.text).toContain('end,id:2,count:1')
    expect(ci.socket.text).toContain('end,id:3,count:0')
    expect(ci.socket.text).toMatch(/info,id:4,\{"count":1,"waiters":1,/)
    expect(ci.socket.text).toMatch(/info,id:5,.*"names":\["ci\/seen"\].*"blockerCount":1,"hidden":true/)
    expect(ci.socket.text).not.toContain('freeWithin')
    expect(ci.socket.text).toMatch(
      new RegExp(`info,id:7,\\{"sessions":\\[\\{"session":${ci.session},"identity":"ci",.*"count":1\\}`),
    )
    expect(ci.socket.text).toMatch(/info,id:9,\{"freezes":\[\{"prefix":"ci\/f".*"count":1\}/)
    talk(ops.socket, `release,id:5,name:ci/secret/hidden,token:${token},done:yes\n`)
    const [before, after] = [as('ci'), as('eyes')]
    for (const { socket } of [before, after]) talk(socket, 'marks,id:1\n')
    node.world.advance(100)
    expect(before.socket.text).toMatch(/info,id:1,\{"marks":\[\],"count":0\}/)
    expect(after.socket.text).toMatch(/"key":"other\/mark".*"count":1,"reserved":\d+\}/)
    talk(ops.socket, '.thaw,id:6,prefix:other/\n', '.thaw,id:7,prefix:ci/f\n', '.forget,id:8,key:other/mark\n')
    for (const { socket } of [ops, waiting, ci, before, after]) talk(socket, 'bye\n')
  })

  it('counts in no number of .stats', () => {
    const node = startedAtLevel(2, accountsOf(ACCOUNTS)).node(0)
    const ops = hello(node, ',auth:token-of-ops')
    talk(ops.socket, 'lock,id:1,name:ci/one,name:ci/secret/two,name:other/three\n')
    const count = (who: string) => {
      const socket = node.connect()
      talk(socket, `.stats,auth:token-of-${who}\n`)
      node.world.advance(500)
      return (JSON.parse(socket.text.slice('stats,'.length)) as { lock_count: number }).lock_count
    }
    expect([count('eyes'), count('ci')]).toEqual([3, 1])
    talk(ops.socket, 'bye\n')
  })

  it('of a mark that is done already is who did it', () => {
    const ops = hello(node, ',client-id:SECRET,auth:token-of-ops')
    talk(ops.socket, 'lock,id:1,name:ci/m,once:ci/key\n')
    talk(ops.socket, `release,id:2,name:ci/m,token:${tokenOf(ops, 'ci/m')},done:yes\n`)
    expect(talk(as('ci').socket, 'lock,id:1,name:ci/m,once:ci/key\n')).toContain('holder:SECRET')
    expect(talk(as('blind').socket, 'lock,id:1,name:ci/m,once:ci/key\n')).toMatch(
      /^done,id:1,key:ci\/key,since:[\d.]+\n$/,
    )
    talk(ops.socket, '.forget,id:3,key:ci/key\n', 'bye\n')
  })
})

describe('whose a session is', () => {
  it('is asked of whoever resumes it; the others are told, and it lives on', () => {
    const one = as('ci')
    talk(one.socket, 'lock,id:1,name:ci/r\n')
    one.socket.break()
    node.world.advance(100)
    for (const extra of ['', ',auth:token-of-ops']) {
      expect(resume(node, one, extra).text).toMatch(/^err,code:unauthorized,message:resume\S+\n$/)
      const reason = 'resume: the session is of another identity'
      expect(CLUSTER.records.at(-1)).toMatchObject({ action: 'resume', result: 'refused', reason })
    }
    expect(resume(node, one, ',auth:token-of-ci').text).toMatch(/held,name:ci\/r.*\n[\s\S]*ready\n$/)
  })

  it('is asked of whoever unlocks without a secret, unless it may break the lock', () => {
    const one = as('ci')
    talk(one.socket, 'lock,id:1,name:ci/l,ttl:60,loose:yes\n', 'lock,id:2,name:ci/k,ttl:60,loose:yes\n')
    expect(talk(as('blind').socket, 'unlock,id:1,name:ci/l\n')).toMatch(/^err,id:1,code:not-holder/)
    const secret = `session:${one.session},secret:${one.secret}`
    expect(talk(as('blind').socket, `unlock,id:1,name:ci/l,${secret}\n`)).toBe('released,id:1,name:ci/l\n')
    expect(talk(as('ops').socket, 'unlock,id:1,name:ci/k\n')).toBe('released,id:1,name:ci/k\n')
    talk(one.socket, 'bye\n')
  })
})
