import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import type { GuardedEnd, Guardian } from '../../src/cli/do-guardian.js'
import { DoLog, Verbosity } from '../../src/cli/do-log.js'
import { readDoOptions } from '../../src/cli/do-options.js'
import { groupsWithVariable } from '../../src/cli/do-process-group.js'
import { Supervision } from '../../src/cli/do-supervision.js'
import type { Link } from '../../src/client/link.js'
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

describe('a forced loss', () => {
  it('leaves the command its grace', async () => {
    const { guardian, session, outcome } = supervise()
    await vi.waitFor(() => expect(guardian.run).toHaveBeenCalled())
    session.hooks.lost?.(GRANT, 'forced')
    expect(guardian.terminate).toHaveBeenCalledOnce()
    expect(guardian.killUnreported).not.toHaveBeenCalled()
    guardian.onEnd({ type: 'ended', code: 0, signal: null, lost: true })
    expect(await outcome).toEqual({ status: 122, lost: true })
  })
})
