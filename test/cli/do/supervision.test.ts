import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { type GuardedEnd, Guardian } from '../../../src/cli/do/guardian.js'
import { readDoOptions } from '../../../src/cli/do/options.js'
import { startGuardian } from '../../../src/cli/do/started-guardian.js'
import { Supervision } from '../../../src/cli/do/supervision.js'
import { ProgramLog, Verbosity } from '../../../src/cli/shared/log.js'
import { ProcessGroup } from '../../../src/cli/system/process-group.js'
import { processesWithVariable } from '../../../src/cli/system/processes.js'
import { type LostReason, UnauthorizedError } from '../../../src/client/errors.js'
import { instantNow, LocalLease } from '../../../src/client/session/local-lease.js'
import type { Grant, LockSession } from '../../../src/client/session/lock-session.js'
import { Link, LinkError } from '../../../src/client/transport/link.js'
import { compiledPrograms } from '../compiled.js'
import { aCommand } from './a-command.js'

vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), writeSync: () => 0 }))

/** This process has other children than those of a command, and must not get more of them. */
const becomeSubreaper = vi.hoisted(() => vi.fn())
vi.mock('../../../src/cli/system/native.js', async (original) => ({
  ...(await original<typeof import('../../../src/cli/system/native.js')>()),
  loadNative: () => ({ becomeSubreaper }),
}))

const GRANT: Grant = { name: 'x', token: 7 }
const ENDED = { status: 0, loss: null, command: { code: 0, signal: null }, runsOn: false, terminalSignal: null }
const lost = (reason: LostReason) => ({ name: 'x', reason })

const compiled = compiledPrograms()

class FakeGuardian {
  onStarted: (processId: number) => void = () => {}
  onEnd: (end: GuardedEnd) => void = () => {}
  readonly alive = true
  readonly adopt = vi.fn(async () => {})
  readonly run = vi.fn()
  readonly renew = vi.fn()
  readonly terminate = vi.fn()
  readonly killNow = vi.fn()
  readonly continue = vi.fn()
  readonly strike = vi.fn(() => [])
  readonly killAll = vi.fn(async () => [])
}

function supervise(other: Partial<LockSession> = {}): {
  guardian: FakeGuardian
  session: LockSession
  supervision: Supervision
  outcome: ReturnType<Supervision['run']>
} {
  const guardian = new FakeGuardian()
  const session: LockSession = {
    id: '1',
    secret: 's',
    clusterId: null,
    localLease: new LocalLease(10_000, instantNow()),
    link: {} as Link,
    hooks: {},
    level: 1,
    isLocal: false,
    ask: async () => [GRANT],
    holds: () => true,
    releaseDone: async () => {},
    release: async () => {},
    close: async () => {},
    ...other,
  }
  const options = readDoOptions(['--lock-name', 'x', 'cmd'], {})
  const log = new ProgramLog('test', Verbosity.quiet)
  const supervision = new Supervision(options, log, session, [GRANT], guardian as unknown as Guardian)
  return { guardian, session, supervision, outcome: supervision.run(aCommand(['cmd'])) }
}

describe('a command that its guardian has not named yet', () => {
  it('is searched for and killed when the guardian dies', async () => {
    const { guardian, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    guardian.onEnd({ type: 'guardian-died' })
    expect(await outcome).toEqual({ ...ENDED, command: null, status: 124 })
    expect(guardian.killAll).toHaveBeenCalledOnce()
  })

  it('is searched for and killed when the lock is lost', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'deadline')
    expect(await outcome).toEqual({ ...ENDED, command: null, status: 122, loss: lost('deadline') })
    expect(guardian.strike).toHaveBeenCalled()
    expect(guardian.killNow).toHaveBeenCalledOnce()
    expect(guardian.killAll).toHaveBeenCalledOnce()
  })

  it('dies with a guardian that is stopped, and whose channel breaks when it is killed', async () => {
    const guardian = new Guardian(startGuardian([], compiled('guardian')))
    const started = new Promise<number>((resolve) => {
      guardian.onStarted = resolve
    })
    const limit = { since: instantNow(), holdMs: 60_000 }
    guardian.run(aCommand(['sleep', '1000'], { graceMs: 1_000 }), limit)
    const group = new ProcessGroup(await started)
    const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${group.id}/stat`, 'utf8')) ?? []
    process.kill(Number(parent), 'SIGSTOP')
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const link = await Link.dial({ host: '127.0.0.1', port }, 5_000, new AbortController().signal)
    const adopted = guardian.adopt(link).catch((error: unknown) => error)
    expect(await guardian.killAll(null, 5_000)).toEqual([])
    expect(await group.ended(5_000)).toBe(true)
    expect(() => process.kill(Number(parent), 0)).toThrow('ESRCH')
    expect(await adopted).toBeInstanceOf(LinkError)
    link.reset()
    server.close()
  })

  it('is found by a variable of its environment', async () => {
    const child = spawn('sleep', ['1000'], { detached: true, env: { ...process.env, TNL_TEST_MARK: 'this one' } })
    expect(processesWithVariable('TNL_TEST_MARK', 'this one').map(({ id }) => id)).toEqual([child.pid])
    expect(processesWithVariable('TNL_TEST_MARK', 'this')).toEqual([])
    const exited = once(child, 'exit')
    const group = new ProcessGroup(child.pid ?? 0)
    await group.kill()
    await exited
    expect(group.exists).toBe(false)
  })
})

describe('the start of the command', () => {
  it('waits until the guardian holds the connection', async () => {
    const { guardian, session, outcome } = supervise()
    expect(guardian.run).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    expect(guardian.adopt).toHaveBeenCalledWith(session.link)
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: false, foreground: false })
    expect(await outcome).toEqual(ENDED)
  })

  it('waits until this process is where the orphans of its guardian go', async () => {
    becomeSubreaper.mockClear()
    const { guardian, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    const [isReady] = becomeSubreaper.mock.invocationCallOrder
    expect(isReady).toBeLessThan(guardian.run.mock.invocationCallOrder[0] ?? 0)
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: false, foreground: false })
    await outcome
  })

  it('does not happen when the lock was lost before anybody listened', async () => {
    const { guardian, outcome } = supervise({ holds: () => false })
    expect(await outcome).toMatchObject({ status: 122, loss: lost('lease-expired'), command: null })
    expect(guardian.run).not.toHaveBeenCalled()
  })

  it('does not happen when the lock is lost before that', async () => {
    const { guardian, session, outcome } = supervise()
    session.hooks.lost?.(GRANT, 'lease-expired')
    expect(await outcome).toEqual({ ...ENDED, command: null, status: 122, loss: lost('lease-expired') })
    expect(guardian.run).not.toHaveBeenCalled()
  })
})

describe('a signal', () => {
  it('that comes before the command has started reaches it as soon as it has', async () => {
    const { guardian, supervision, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    supervision.forward('SIGUSR1')
    const child = spawn('sleep', ['1000'], { detached: true })
    const exited = once(child, 'exit')
    guardian.onStarted(child.pid ?? 0)
    expect(await exited).toEqual([null, 'SIGUSR1'])
    guardian.onEnd({ type: 'ended', code: null, signal: 'SIGUSR1', lost: false, foreground: false })
    expect(await outcome).toMatchObject({ status: 138, terminalSignal: null })
  })

  it('that ended the command in front of the terminal is told, for the script around it', async () => {
    const { guardian, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    guardian.onEnd({ type: 'ended', code: null, signal: 'SIGINT', lost: false, foreground: true })
    expect(await outcome).toMatchObject({ status: 130, terminalSignal: 'SIGINT' })
  })
})

describe('a confirmed session', () => {
  it('lets the guardian know how long the command may run now', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    const confirmed = instantNow()
    session.localLease.confirm(confirmed)
    session.hooks.confirmed?.()
    expect(guardian.renew).toHaveBeenLastCalledWith({ ...session.localLease.limit, since: confirmed })
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: false, foreground: false })
    await outcome
  })
})

describe('a forced loss', () => {
  it('leaves the command its grace', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'forced')
    await vi.waitFor(() => expect(guardian.terminate).toHaveBeenCalledOnce())
    expect(guardian.killNow).not.toHaveBeenCalled()
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: true, foreground: false })
    expect(await outcome).toEqual({ ...ENDED, status: 122, loss: lost('forced') })
  })
})

describe('an account that is taken away', () => {
  const turnedAway = async (leaseMs: number) => {
    const supervised = supervise({ localLease: new LocalLease(leaseMs, instantNow()) })
    const { guardian, session } = supervised
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'disconnected')
    session.hooks.ended?.(new UnauthorizedError('auth: this token is not known here'))
    await vi.waitFor(() => expect(guardian.terminate).toHaveBeenCalledOnce())
    return supervised
  }

  it('leaves the command its grace: the lock is nobody else’s yet', async () => {
    const { guardian, outcome } = await turnedAway(10_000)
    expect(guardian.killNow).not.toHaveBeenCalled()
    guardian.onEnd({ type: 'ended', code: 9, signal: null, lost: true, foreground: false })
    expect(await outcome).toMatchObject({ status: 122, loss: lost('disconnected'), command: { code: 9 } })
  })

  it('kills it at the limit, also where the guardian does not', async () => {
    const { guardian, session, outcome } = await turnedAway(1_000)
    expect(await outcome).toMatchObject({ status: 122, loss: lost('disconnected') })
    expect(session.localLease.remainingMs()).toBe(0)
    expect(guardian.killNow).toHaveBeenCalledOnce()
  })
})
