/** What the end of a connection means for its session (rules.md rules 4 and 5), and what a client may say of itself. */
import { describe, expect, it } from 'vitest'
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import { hello, masked, type Opened, resume, started, startedAtLevel, talk } from '../kit/session-helpers.js'
import type { FakeSocket } from '../kit/socket.js'

const OWN_END = '127.0.0.1:40000'

/** How long `name` stays held after now, to the tenth of a second; at most 60 s. */
function heldForMs(cluster: ReturnType<typeof started>, name: string): number {
  const from = cluster.world.nowMs
  while (cluster.node(0).machine.holder(name) !== null && cluster.world.nowMs - from < 60_000)
    cluster.world.advance(100)
  return cluster.world.nowMs - from
}

function holding(cluster: ReturnType<typeof started>, extra: string): Opened {
  const one = hello(cluster.node(1), extra)
  talk(one.socket, 'lock,id:1,name:f\n')
  return one
}

describe('a FIN without bye', () => {
  it.each([
    ['no from', '', 0],
    ['its own end', `,from:${OWN_END}`, 0],
    ['its own end in another spelling', ',from:[::ffff:7f00:1]:40000', 0],
    ['its own end, and lingers', `,from:${OWN_END},linger:5`, 5_000],
    ['another port', ',from:127.0.0.1:40001', 10_000],
    ['another address', ',from:10.1.2.3:40000', 10_000],
    ['another address, and lingers longer', ',from:10.1.2.3:40000,linger:20', 20_000],
    ['another address, and lingers shorter', ',from:10.1.2.3:40000,linger:1', 10_000],
    ['that it does not know', ',from:unknown', 10_000],
    ['what is no address', ',from:localhost:40000', 10_000],
    ['nothing at all', ',from:', 10_000],
  ])('of a client that names %s', (_what, extra, afterMs) => {
    const cluster = started()
    const one = holding(cluster, extra)
    one.socket.fin()
    const heldMs = heldForMs(cluster, 'f')
    expect(heldMs).toBeGreaterThanOrEqual(afterMs)
    expect(heldMs).toBeLessThan(afterMs + 1_000)
  })

  it.each([
    [`,from:${OWN_END}`, 0],
    [',from:10.1.2.3:40000', 10_000],
  ])('counts by the from of the resume (%s), not of the hello', (extra, afterMs) => {
    const cluster = started()
    const one = holding(cluster, ',from:10.9.9.9:1')
    resume(cluster.node(2), one, extra).fin()
    const heldMs = heldForMs(cluster, 'f')
    expect(heldMs).toBeGreaterThanOrEqual(afterMs)
    expect(heldMs).toBeLessThan(afterMs + 1_000)
  })

  it.each([
    ['', false],
    [`,from:${OWN_END}`, false],
    [',from:unknown', false],
    [',from:10.1.2.3:40000', true],
  ])('the node says whether somebody stands between (%s)', (extra, relayed) => {
    const cluster = started()
    const one = holding(cluster, extra)
    expect(one.socket.text.includes(',relayed:yes')).toBe(relayed)
    expect(resume(cluster.node(2), one, extra).text.includes(',relayed:yes')).toBe(relayed)
  })

  it.each([
    ['a FIN', (socket: FakeSocket) => socket.fin(), 'delayed'],
    ['bye', (socket: FakeSocket) => socket.send('bye\n'), 'ok'],
  ])('leaves the delay of what was held, and bye does not: %s', (_what, leave, expected) => {
    const cluster = startedAtLevel(SERVICE_LEVEL)
    const one = hello(cluster.node(1), `,from:${OWN_END}`)
    talk(one.socket, 'lock,id:1,name:f,delay:30\n')
    leave(one.socket)
    cluster.world.advance(1_000)
    const other = hello(cluster.node(2))
    expect(talk(other.socket, 'lock,id:1,name:f\n')).toContain(expected)
  })

  it('before welcome ends the session, whoever stands between', () => {
    const cluster = started()
    cluster.faults.commitMs = 40
    const socket = cluster.node(1).connect()
    socket.send('hello,version:2,redirect:no,from:unknown,linger:60\n')
    socket.fin()
    cluster.world.advance(500)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it('before ready keeps the session for its lease, also if the client named its own end', () => {
    const cluster = started()
    const one = holding(cluster, '')
    one.socket.break()
    cluster.world.advance(20)
    const again = cluster.node(2).connect()
    again.send(`resume,session:${one.session},secret:${one.secret},from:${OWN_END}\n`)
    again.fin()
    const heldMs = heldForMs(cluster, 'f')
    expect(heldMs).toBeGreaterThanOrEqual(10_000)
    expect(heldMs).toBeLessThan(11_000)
  })

  it('follows the lines before it, also before ready', () => {
    const cluster = started()
    const one = holding(cluster, '')
    one.socket.break()
    cluster.world.advance(20)
    const again = cluster.node(2).connect()
    again.send(`resume,session:${one.session},secret:${one.secret}\nrelease,id:2,name:f\nlock,id:3,name:g\n`)
    again.fin()
    cluster.world.advance(50)
    expect(masked(again.text)).toMatch(/ready\nreleased,id:2,name:f\nok,id:3,name:g,token:#\n$/)
    expect(cluster.node(0).machine.holder('f')).toBeNull()
    expect(cluster.node(0).machine.holder('g')).not.toBeNull()
  })

  it('follows the lines of a classic client that has to wait', () => {
    const cluster = started()
    holding(cluster, '')
    const classic = cluster.node(2).connect()
    classic.send('lock,name:f,wait:5\n.keepalive\n')
    classic.fin()
    cluster.world.advance(50)
    expect(classic.text).toBe('alive\n')
    expect(classic.closed).toBe('end')
    expect(cluster.node(0).machine.holder('f')?.waiters).toBe(0)
  })
})

describe('bye', () => {
  const ends: readonly [string, (socket: FakeSocket) => void][] = [
    ['a reset', (socket) => socket.break()],
    ['a FIN', (socket) => socket.fin()],
    ['a line that is too long', (socket) => socket.send('x'.repeat(40_000))],
    ['silence', () => {}],
  ]

  it.each(ends)('is not taken back by %s while a request is undecided', (_what, end) => {
    const cluster = started()
    const one = holding(cluster, ',from:unknown,linger:60')
    cluster.elect(null)
    one.socket.send('lock,id:2,name:g\nbye\n')
    cluster.world.advance(5)
    end(one.socket)
    cluster.world.advance(5_500)
    cluster.elect(cluster.node(0))
    cluster.world.advance(1_500)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it('before ready ends the session, also if the connection breaks at once', () => {
    const cluster = started()
    const one = holding(cluster, ',from:unknown')
    one.socket.break()
    cluster.world.advance(20)
    const again = cluster.node(2).connect()
    again.send(`resume,session:${one.session},secret:${one.secret},from:unknown\n\nbye\n`)
    again.break()
    cluster.world.advance(100)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })

  it('is carried out when the node stops before it could answer', () => {
    const cluster = started()
    const one = holding(cluster, ',linger:60')
    cluster.faults.commitMs = 40
    one.socket.send('lock,id:2,name:g\nbye\n')
    cluster.world.advance(5)
    cluster.node(1).service.stop(() => {})
    cluster.world.advance(1_000)
    expect(cluster.node(0).machine.sessionCount).toBe(0)
  })
})

describe('attempts to resume', () => {
  it('one that is not higher than the last applied displaces nobody', () => {
    const cluster = started()
    const one = holding(cluster, '')
    const second = resume(cluster.node(2), one, ',attempt:2')
    expect(second.text).toMatch(/^welcome,.*,attempt:2,resumed:yes\n/)
    for (const attempt of [1, 2]) {
      const late = resume(cluster.node(0), one, `,attempt:${attempt}`)
      expect(late.text).toMatch(/^err,code:superseded,attempt:2,message:\S+\n$/)
      expect(late.closed).toBe('end')
    }
    expect(talk(second, '.keepalive\n')).toBe('alive\n')
    expect(resume(cluster.node(0), one, ',attempt:3').text).toMatch(/,attempt:3,resumed:yes\n/)
    cluster.world.advance(20)
    expect(second.closed).not.toBeNull()
  })

  it('one without a number is taken and changes none', () => {
    const cluster = started()
    const one = holding(cluster, '')
    resume(cluster.node(2), one, ',attempt:1099511627776')
    expect(resume(cluster.node(0), one).text).toMatch(/,attempt:1099511627776,resumed:yes\n/)
    expect(resume(cluster.node(0), one, ',attempt:5').text).toMatch(/^err,code:superseded,attempt:1099511627776,/)
  })

  it('a wrong secret learns nothing', () => {
    const cluster = started()
    const one = holding(cluster, '')
    resume(cluster.node(2), one, ',attempt:7')
    const guess = resume(cluster.node(0), { ...one, secret: 'guess' }, ',attempt:1')
    expect(guess.text).toMatch(/^err,code:session-expired,/)
  })

  it.each(['0', '1099511627777', '-1', '1.5', 'x', ''])('attempt:%s is refused', (attempt) => {
    const cluster = started()
    const one = holding(cluster, '')
    expect(resume(cluster.node(2), one, `,attempt:${attempt}`).text).toMatch(/^err,code:bad-request,/)
    expect(talk(one.socket, '.keepalive\n')).toBe('alive\n')
  })

  it('an earlier connection that comes back to life after a later one says superseded, and the session lives', () => {
    const cluster = started()
    const one = holding(cluster, '')
    one.socket.break()
    cluster.world.advance(20)
    cluster.node(2).pause(3_000)
    const abandoned = cluster.node(2).connect()
    abandoned.send(`resume,session:${one.session},secret:${one.secret},attempt:1\n`)
    const later = resume(cluster.node(0), one, ',attempt:2')
    cluster.world.advance(4_000)
    expect(abandoned.text).toMatch(/^err,code:superseded,attempt:2,/)
    expect(talk(later, '.keepalive\n')).toBe('alive\n')
  })
})
