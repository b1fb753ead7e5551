import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { type GuardedEnd, Guardian } from '../../src/cli/do-guardian.js'
import { DoLog, Verbosity } from '../../src/cli/do-log.js'
import { readDoOptions } from '../../src/cli/do-options.js'
import { groupsWithVariable, ProcessGroup } from '../../src/cli/do-process-group.js'
import { Supervision } from '../../src/cli/do-supervision.js'
import { Link, LinkError } from '../../src/client/link.js'
import type { Grant, LockSession } from '../../src/client/lock-session.js'
import { instantNow, Mirror } from '../../src/client/mirror.js'

vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), writeSync: () => 0 }))

const GRANT: Grant = { name: 'x', token: 7 }

class FakeGuardian {
  onStarted: (processId: number) => void = () => {}
  onEnd: (end: GuardedEnd) => void = () => {}
  readonly alive = true
  readonly adopt = vi.fn(async () => {})
  readonly run = vi.fn()
  readonly renew = vi.fn()
  readonly terminate = vi.fn()
  readonly killUnreported = vi.fn(async () => {})
}

function supervise(): { guardian: FakeGuardian; session: LockSession; outcome: ReturnType<Supervision['run']> } {
  const guardian = new FakeGuardian()
  const session: LockSession = {
    secret: null,
    clusterId: null,
    id: '1',
    mirror: new Mirror(10_000, instantNow()),
    link: {} as Link,
    hooks: {},
    lock: async () => GRANT,
    release: async () => {},
    close: async () => {},
  }
  const options = readDoOptions(['--lock-name', 'x', 'cmd'], {})
  const log = new DoLog('test', Verbosity.quiet)
  const supervision = new Supervision(options, log, session, GRANT, guardian as unknown as Guardian)
  return { guardian, session, outcome: supervision.run({ TNL_TOKEN: 'of an outer lock' }) }
}

describe('a command that its guardian has not named yet', () => {
  it('is searched for and killed when the guardian dies', async () => {
    const { guardian, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    guardian.onEnd({ type: 'guardian-died' })
    expect(await outcome).toEqual({ status: 124, lost: false })
    expect(guardian.killUnreported).toHaveBeenCalledOnce()
  })

  it('is searched for and killed when the lock is lost', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'deadline')
    expect(await outcome).toEqual({ status: 122, lost: true })
    expect(guardian.killUnreported).toHaveBeenCalledOnce()
  })

  it('dies with a guardian that is stopped, and whose channel breaks when it is killed', async () => {
    // The guardian is forked with the flags of this process; it must be able to read TypeScript.
    process.execArgv.push('--import', 'tsx')
    const guardian = new Guardian()
    process.execArgv.splice(-2)
    const started = new Promise<number>((resolve) => {
      guardian.onStarted = resolve
    })
    const command = { file: 'sleep', args: ['1000'], env: { PATH: process.env.PATH ?? '' } }
    const limit = { since: instantNow(), holdMs: 60_000 }
    guardian.run({ ...command, graceMs: 1_000, onLost: { kind: 'terminate' } }, limit)
    const group = new ProcessGroup(await started)
    const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${group.id}/stat`, 'utf8')) ?? []
    process.kill(Number(parent), 'SIGSTOP')
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const link = await Link.dial({ host: '127.0.0.1', port }, 5_000, new AbortController().signal)
    const adopted = guardian.adopt(link).catch((error: unknown) => error)
    await guardian.killUnreported()
    expect(await group.ended(5_000)).toBe(true)
    expect(() => process.kill(Number(parent), 0)).toThrow('ESRCH')
    expect(await adopted).toBeInstanceOf(LinkError)
    link.reset()
    server.close()
  })

  it('is found by a variable of its environment', async () => {
    const child = spawn('sleep', ['1000'], { detached: true, env: { ...process.env, TNL_TEST_MARK: 'this one' } })
    const [group, ...others] = groupsWithVariable('TNL_TEST_MARK', 'this one')
    expect([group?.id, others]).toEqual([child.pid, []])
    expect(groupsWithVariable('TNL_TEST_MARK', 'this')).toEqual([])
    const exited = once(child, 'exit')
    await group?.kill()
    await exited
    expect(group?.exists).toBe(false)
  })
})

describe('the start of the command', () => {
  it('waits until the guardian holds the connection', async () => {
    const { guardian, session, outcome } = supervise()
    expect(guardian.run).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    expect(guardian.adopt).toHaveBeenCalledWith(session.link)
    expect(guardian.run.mock.calls[0]?.[0].env).toMatchObject({ TNL_LOCK_NAME: 'x', TNL_TOKEN: '7', TNL_SESSION: '1' })
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: false })
    expect(await outcome).toEqual({ status: 0, lost: false })
  })

  it('does not happen when the lock is lost before that', async () => {
    const { guardian, session, outcome } = supervise()
    session.hooks.lost?.(GRANT, 'lease-expired')
    expect(await outcome).toEqual({ status: 122, lost: true })
    expect(guardian.run).not.toHaveBeenCalled()
  })
})

describe('a confirmed session', () => {
  it('lets the guardian know how long the command may run now', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    const confirmed = instantNow()
    session.mirror.confirm(confirmed)
    session.hooks.confirmed?.()
    expect(guardian.renew).toHaveBeenLastCalledWith({ ...session.mirror.limit, since: confirmed })
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: false })
    await outcome
  })
})

describe('a forced loss', () => {
  it('leaves the command its grace', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'forced')
    await vi.waitFor(() => expect(guardian.terminate).toHaveBeenCalledOnce())
    expect(guardian.killUnreported).not.toHaveBeenCalled()
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: true })
    expect(await outcome).toEqual({ status: 122, lost: true })
  })
})
