/** `lock` lines of level 2 at the bounds of what they may say; what they do is in test/transcripts. */
import { describe, expect, it } from 'vitest'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import { NAMES_PER_REQUEST_MAX, UNACKNOWLEDGED_PER_SESSION_MAX } from '../../../src/locks/limits.js'
import { SESSION_LINE_MAX_BYTES } from '../../../src/protocol/limits.js'
import { Cluster } from '../kit/cluster.js'
import { hello, resume, talk } from '../kit/session-helpers.js'

function serving(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options)
  for (const node of cluster.nodes) node.programLevel = SERVICE_LEVEL
  cluster.start()
  cluster.world.until(() => cluster.nodes.every(({ machine }) => machine.level === SERVICE_LEVEL))
  return cluster
}

const names = (count: number, stem = 'n'): string[] => Array.from({ length: count }, (_, at) => `${stem}${at}`)
const nameKeys = (list: readonly string[]): string => list.map((name) => `,name:${name}`).join('')
const words = (text: string): string[] => text.trimEnd().split('\n')

describe('a request for many names', () => {
  const cluster = serving()

  it('is answered name by name, in the order asked, with rising tokens', () => {
    const { socket } = hello(cluster.node(1))
    const asked = names(NAMES_PER_REQUEST_MAX).reverse()
    const answers = words(talk(socket, `lock,id:1${nameKeys(asked)}\n`)).map((line) =>
      /^ok,id:1,name:(.*),token:(\d+)$/.exec(line),
    )
    expect(answers.map((answer) => answer?.[1])).toEqual(asked)
    const tokens = answers.map((answer) => Number(answer?.[2]))
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b))
    expect(new Set(tokens).size).toBe(asked.length)
    talk(socket, 'bye\n')
  })

  it('is refused whole above the bound, and when a name is there twice', () => {
    const { socket } = hello(cluster.node(1))
    const tooMany = names(NAMES_PER_REQUEST_MAX + 1)
    expect(talk(socket, `lock,id:1${nameKeys(tooMany)}\n`)).toMatch(/^err,id:1,code:limit,message:name:/)
    expect(talk(socket, 'lock,id:2,name:t,name:u,name:t@shared\n')).toMatch(
      /^err,id:2,code:bad-request,message:name:%20t/,
    )
    expect(talk(socket, 'lock,id:3,name:t,name:.u\n')).toMatch(/^err,id:3,code:bad-name,/)
    expect(cluster.node(1).machine.lockCount).toBe(0)
    talk(socket, 'bye\n')
  })

  it('is written in one piece', () => {
    const { socket } = hello(cluster.node(0))
    const before = socket.writes.length
    talk(socket, 'lock,id:1,name:p,name:q,name:r\n')
    expect(socket.writes.length - before).toBe(1)
    talk(socket, 'bye\n')
  })
})

describe('the longest line', () => {
  const cluster = serving()
  /** 64 names of 200 bytes, `meta` of which every byte is escaped, and padding that nobody reads. */
  const line = (bytes: number): string => {
    const said = `lock,id:1${nameKeys(names(64, 'n'.repeat(190)))},meta:${'%25'.repeat(4_096)},x:`
    return said + 'y'.repeat(bytes - said.length)
  }

  it('is taken in a session, a byte more ends the connection, and the session lives on', () => {
    const opened = hello(cluster.node(1))
    expect(words(talk(opened.socket, `${line(SESSION_LINE_MAX_BYTES)}\n`))).toHaveLength(64)
    expect(talk(opened.socket, `${line(SESSION_LINE_MAX_BYTES + 1)}\n`)).toBe('err,line too long\n|closed')
    const again = resume(cluster.node(2), opened)
    expect(words(again.text).filter((text) => text.startsWith('held,'))).toHaveLength(64)
    talk(again, 'bye\n')
  })

  it('is that of the settings before welcome, before ready and in the classic dialect', () => {
    const opened = hello(cluster.node(1))
    opened.socket.break()
    cluster.world.advance(20)
    const long = `,x:${'y'.repeat(4_096)}\n`
    for (const text of [
      `hello,version:2${long}`,
      `resume,session:${opened.session},secret:${opened.secret}${long}`,
      `lock,name:l${long}`,
    ]) {
      expect(talk(cluster.node(1).connect(), text)).toBe('err,line too long\n|closed')
    }
  })
})

describe('answers that are not acknowledged', () => {
  it('are counted one a name', () => {
    const cluster = serving({ service: { maxLocksPerSession: 10_000 } })
    const { socket } = hello(cluster.node(1))
    const requests = UNACKNOWLEDGED_PER_SESSION_MAX / 64
    for (let id = 1; id <= requests; id++) {
      expect(words(talk(socket, `lock,id:${id}${nameKeys(names(64, `u${id}-`))}\n`))).toHaveLength(64)
    }
    expect(talk(socket, 'lock,id:90,name:more\n')).toMatch(/^err,id:90,code:limit,message:/)
    expect(talk(socket, 'lock,id:91,name:more,ack:1\n')).toMatch(/^ok,id:91,name:more,/)
    expect(talk(socket, `lock,id:92${nameKeys(names(64, 'v'))}\n`)).toMatch(/^err,id:92,code:limit,message:/)
    expect(words(talk(socket, `lock,id:93${nameKeys(names(64, 'v'))},ack:2\n`))).toHaveLength(64)
    talk(socket, 'bye\n')
  })

  it('are so too while the request waits', () => {
    const cluster = serving({ service: { maxLocksPerSession: 10_000 } })
    const [holder, waiter] = [hello(cluster.node(0)), hello(cluster.node(1))]
    talk(holder.socket, 'lock,id:1,name:w\n')
    const requests = UNACKNOWLEDGED_PER_SESSION_MAX / 64
    for (let id = 1; id <= requests; id++) {
      const asked = `lock,id:${id},name:w${nameKeys(names(63, `w${id}-`))},wait:600,holding:none\n`
      expect(talk(waiter.socket, asked)).toMatch(/^queued,/)
    }
    expect(talk(waiter.socket, 'lock,id:90,name:more\n')).toMatch(/^err,id:90,code:limit,message:/)
  })
})

describe('what one node lets a session have', () => {
  it('counts names, held or asked for', () => {
    const cluster = serving({ service: { maxLocksPerSession: 5 } })
    const { socket } = hello(cluster.node(1))
    expect(words(talk(socket, `lock,id:1${nameKeys(names(3))}\n`))).toHaveLength(3)
    expect(talk(socket, 'lock,id:2,name:x,name:y,name:z\n')).toMatch(/^err,id:2,code:limit,message:/)
    expect(words(talk(socket, 'lock,id:3,name:x,name:y\n'))).toHaveLength(2)
    expect(talk(socket, 'lock,id:4,name:z\n')).toMatch(/^err,id:4,code:limit,message:/)
    expect(talk(socket, 'release,id:5,name:x\n')).toBe('released,id:5,name:x\n')
    expect(talk(socket, 'lock,id:6,name:z\n')).toMatch(/^ok,id:6,/)
  })

  it('counts each hold of a name', () => {
    const cluster = serving({ service: { maxLocksPerSession: 3 } })
    const { socket } = hello(cluster.node(1))
    const token = /token:(\d+)/.exec(talk(socket, 'lock,id:1,name:s,mode:shared\n'))?.[1]
    talk(socket, 'lock,id:2,name:s,mode:shared\n', 'lock,id:3,name:s,mode:shared\n')
    expect(talk(socket, `release,id:4,name:s,token:${token}\n`)).toBe('released,id:4,name:s\n')
    expect(talk(socket, 'lock,id:5,name:x,name:y\n')).toMatch(/^err,id:5,code:limit,message:/)
    expect(talk(socket, 'lock,id:6,name:x\n')).toMatch(/^ok,id:6,/)
  })

  it('does not count loose holds, nor what was lost', () => {
    const cluster = serving({ service: { maxLocksPerSession: 2 } })
    const { socket } = hello(cluster.node(1))
    expect(words(talk(socket, 'lock,id:1,name:a,name:b,ttl:60,loose:yes\n'))).toHaveLength(2)
    expect(words(talk(socket, 'lock,id:2,name:c,name:d,ttl:5\n'))).toHaveLength(2)
    cluster.world.advance(6_000)
    expect(socket.text).toMatch(/lost,name:c,token:\d+,reason:ttl\n/)
    expect(words(talk(socket, 'lock,id:3,name:e,name:f\n'))).toHaveLength(2)
  })
})

describe('after an installed snapshot', () => {
  it('a session with several holds of a name, a loose one and a forced one goes on without a reconnect', () => {
    const cluster = serving()
    const node = cluster.node(1)
    const [client, operator] = [hello(node), hello(cluster.node(0))]
    talk(client.socket, 'lock,id:1,name:s,mode:shared\n', 'lock,id:2,name:s,mode:shared\n')
    talk(client.socket, 'lock,id:3,name:l,ttl:600,loose:yes\n')
    const token = /token:(\d+)/.exec(talk(client.socket, 'lock,id:4,name:f\n'))?.[1]
    node.cut = true
    talk(operator.socket, `.force-release,id:1,name:f,token:${token},reason:why\n`)
    cluster.world.advance(50)
    node.cut = false
    node.installSnapshotOf(cluster.node(0))
    cluster.world.advance(50)
    expect(client.socket.closed).toBeNull()
    expect(talk(client.socket, '.keepalive\n')).toBe('alive\n')
    expect(client.socket.text).toContain(`lost,name:f,token:${token},reason:forced\n`)
  })

  it('a repeated request for several names is answered as before, with what has ended since', () => {
    const cluster = serving()
    const client = hello(cluster.node(1))
    const asked = 'lock,id:1,name:a,name:b@shared,name:c@2/3\n'
    const before = talk(client.socket, asked)
    expect(words(before)).toHaveLength(3)
    talk(client.socket, 'release,id:2,name:b\n')
    cluster.node(2).installSnapshotOf(cluster.node(0))
    client.socket.break()
    cluster.world.advance(20)
    const again = resume(cluster.node(2), client)
    const writes = again.writes.length
    expect(talk(again, asked)).toBe(`${before}released,id:1,name:b\n`)
    expect(again.writes.length - writes).toBe(1)
  })

  it('of two holds of a name the one that was not given back is still known', () => {
    const cluster = serving()
    const node = cluster.node(1)
    const { socket } = hello(node)
    const token = /token:(\d+)/.exec(talk(socket, 'lock,id:1,name:s,mode:shared\n'))?.[1]
    talk(socket, 'lock,id:2,name:s,mode:shared\n', `release,id:3,name:s,token:${token}\n`)
    node.installSnapshotOf(cluster.node(0))
    cluster.world.advance(50)
    expect(talk(socket, '.keepalive\n')).toBe('alive\n')
    expect(socket.closed).toBeNull()
  })
})

describe('a cluster of level 1', () => {
  const cluster = new Cluster()
  cluster.start()

  it.each([
    ['lock,id:1,name:a@shared', 'a@shared'],
    ['lock,id:1,name:a,name:b', 'more%20than%20one%20name'],
    ['lock,id:1,name:a,mode:shared', 'mode'],
    ['lock,id:1,name:a,limit:3', 'limit'],
    ['lock,id:1,name:a,holding:none', 'holding'],
    ['lock,id:1,name:a,min-hold:1', 'min-hold'],
    ['lock,id:1,name:a,ttl:1', 'ttl'],
    ['lock,id:1,name:a,loose:no', 'loose'],
    ['lock,id:1,name:a,once:k', 'once'],
    ['lock,id:1,name:a,once-ttl:1', 'once-ttl'],
    ['release,id:1,name:a,done:yes', 'done'],
    ['unlock,id:1,name:a', 'unlock'],
    ['.force-release,id:1,name:a,token:1,reason:x', '.force-release'],
    ['.resize,id:1,name:a,limit:1', '.resize'],
    ['.freeze,id:1,prefix:,reason:x', '.freeze'],
    ['.thaw,id:1,prefix:', '.thaw'],
    ['.forget,id:1,key:k', '.forget'],
  ])('refuses %s', (line, what) => {
    const { socket } = hello(cluster.node(1))
    expect(talk(socket, `${line}\n`)).toBe(`err,id:1,code:unsupported,message:${what}%20needs%20level%202\n`)
    expect(talk(socket, 'lock,id:2,name:plain,mode:exclusive,delay:1,meta:m,wait:0\n')).toMatch(/^ok,id:2,name:plain,/)
    talk(socket, 'bye\n')
  })

  it.each([
    ['mode:shared', 'mode'],
    ['limit:3', 'limit'],
    ['permits:3', 'permits'],
  ])('refuses a classic lock with %s', (key, what) => {
    expect(talk(cluster.node(1).connect(), `lock,name:c,${key}\n`)).toBe(`err,${what} needs level 2\n|closed`)
  })
})

describe('requests of operators', () => {
  it('are refused from where nobody may administer', () => {
    const cluster = serving()
    const socket = cluster.node(1).connect(false)
    talk(socket, 'hello,version:2,redirect:no\n')
    for (const line of [
      '.force-release,id:1,name:a,token:1,reason:x',
      '.resize,id:1,name:a,limit:1',
      '.freeze,id:1,prefix:,reason:x',
      '.thaw,id:1,prefix:',
      '.forget,id:1,key:k',
    ]) {
      expect(talk(socket, `${line}\n`)).toMatch(/^err,id:1,code:unauthorized,/)
    }
  })
})

describe('a freeze that was asked for again', () => {
  it('is answered as the first time, though its time has passed meanwhile', () => {
    const cluster = serving()
    const { socket } = hello(cluster.node(1))
    const line = `.freeze,id:1,prefix:z/,reason:why,until:${cluster.world.nowMs / 1000 + 2}\n`
    expect(talk(socket, line)).toBe('frozen,id:1,prefix:z/\n')
    cluster.world.advance(5_000)
    expect(talk(socket, line)).toBe('frozen,id:1,prefix:z/\n')
    expect(talk(socket, line.replace('id:1', 'id:2'))).toMatch(/^err,id:2,code:bad-request,message:until:/)
    expect(talk(socket, 'lock,id:3,name:z/a\n')).toMatch(/^ok,/)
  })

  it('stays refused when its time had passed the first time, whatever was asked since and wherever it is asked', () => {
    const cluster = serving()
    const client = hello(cluster.node(1))
    const passed = `.freeze,id:1,prefix:z/,reason:why,until:${cluster.world.nowMs / 1000}\n`
    const refused = talk(client.socket, passed)
    expect(refused).toMatch(/^err,id:1,code:bad-request,message:until:/)
    expect(talk(client.socket, 'release,id:2,name:none\n')).toMatch(/^err,id:2,code:not-holder/)
    expect(talk(client.socket, passed)).toBe(refused)
    expect(talk(resume(cluster.node(2), client), passed)).toBe(refused)
  })
})

describe('requests that were made before the cluster rose', () => {
  it('are repeated as what they were', () => {
    const cluster = new Cluster()
    cluster.start()
    const [holder, client] = [hello(cluster.node(0), ',lease:600'), hello(cluster.node(1), ',lease:600')]
    talk(holder.socket, 'lock,id:1,name:busy\n')
    const asked = ['lock,id:1,name:free,delay:1,meta:m\n', 'lock,id:2,name:busy,wait:500\n', 'release,id:3,name:none\n']
    const told = asked.map((line) => talk(client.socket, line))
    for (const node of cluster.nodes) {
      node.kill()
      node.programLevel = SERVICE_LEVEL
      node.boot()
      if (cluster.leader === null) cluster.elect(node)
      cluster.world.until(() => cluster.nodes.every((each) => each.service.stats().speakRemainingMs > 0))
    }
    cluster.world.until(() => cluster.nodes.every(({ machine }) => machine.level === SERVICE_LEVEL))
    const again = resume(cluster.node(2), client)
    expect(again.text).toMatch(/^held,name:free,mode:exclusive,token:\d+$/m)
    expect(again.text).toMatch(/^queued,id:2,name:busy,position:1$/m)
    expect(asked.map((line) => talk(again, line))).toEqual(told)
    const back = resume(cluster.node(0), holder)
    talk(back, 'release,id:2,name:busy\n')
    expect(again.text).toMatch(/^ok,id:2,name:busy,token:\d+$/m)
    expect(talk(again, 'lock,id:4,name:busy,mode:shared,holding:none,wait:1\n')).toMatch(/^queued,id:4,/)
  })
})
