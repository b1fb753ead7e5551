/** tnl-do over TLS: the guardian has no keys of the connection that it keeps open, and the promise is the same (rules.md rule 6). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { certificateFile } from '../kit/certificates.js'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { Relay } from '../kit/relay.js'
import { DoProgram, isAlive, STARTER, startJob } from '../kit/starter.js'
import { freshName, Wire } from '../kit/wire.js'
import { ESCAPES, killGuardian, killTogether, outliving, startAll, stopTogether } from './escapes.js'

/** One that leaves its group, and one that leaves everything but its environment. */
const TWO = ESCAPES.filter(([name]) => /timeout|ignores SIGTERM/.test(name))
/** What is free before this is over was freed by a word. */
const LONG = ['--lease', '600']

let server: OneServer
beforeAll(async () => {
  server = await OneServer.start({ tls: true })
})
afterEach(endLeftovers)
afterAll(() => server.stop())

async function holding(
  options: readonly string[],
  env = server.env,
): Promise<{ lock: string; program: DoProgram; job: number }> {
  const lock = freshName()
  return { lock, ...(await startJob([...options, '--lock-name', lock], env)) }
}

/** Resolves when the next client has the lock. */
async function next(lock: string): Promise<void> {
  const wire = await Wire.open(server.port)
  expect(await wire.ask(`lock,name:${lock},wait:forever`)).toBe('ok')
  wire.destroy()
}

describe('everything that a command has started is dead before another gets the lock', () => {
  it('when tnl-do is killed', async () => {
    const runs = await startAll(server, TWO)
    for (const { program } of runs) program.child.kill('SIGKILL')
    expect(await outliving(server, runs)).toEqual([])
  })

  it('when the guardian is killed', async () => {
    const runs = await startAll(server, TWO)
    for (const run of runs) killGuardian(run)
    expect(await outliving(server, runs)).toEqual([])
    for (const { program } of runs) expect((await program.ended()).code).toBe(124)
  })

  it('when both are killed, and when both are stopped', async () => {
    const [killed, stopped] = [await startAll(server, TWO), await startAll(server, TWO)]
    killTogether(killed)
    stopTogether(stopped)
    expect(await outliving(server, [...killed, ...stopped])).toEqual([])
    for (const { program } of stopped) program.child.kill('SIGKILL')
  })
})

describe('the lock is free at once', () => {
  it('when tnl-do is killed: its guardian says goodbye on a connection of its own', async () => {
    const { lock, program, job } = await holding(LONG)
    program.child.kill('SIGKILL')
    await next(lock)
    expect(isAlive(job)).toBe(false)
  })

  it('when tnl-do is killed after it was resumed', async () => {
    const relay = await Relay.open(server.port)
    try {
      const { lock, program } = await holding([...LONG, '--info'], {
        ...server.env,
        TNL_ENDPOINTS: `localhost:${relay.port}`,
      })
      relay.reset()
      await until('it has resumed', async () => program.stderr.includes('resumed at'))
      program.child.kill('SIGKILL')
      await next(lock)
    } finally {
      relay.close()
    }
  })

  it('when the command ends, and its status is that of tnl-do', async () => {
    const lock = freshName()
    const words = [STARTER, ...LONG, '--lock-name', lock, '--', 'sh', '-c', 'exit 7']
    expect((await new DoProgram(words, server.env).ended()).code).toBe(7)
    await next(lock)
  })

  it('when a wait is given up: the place in the queue too', async () => {
    const { lock, program } = await holding(LONG)
    const waiting = new DoProgram(
      [STARTER, ...LONG, '-v', '--wait', 'forever', '--lock-name', lock, '--', 'true'],
      server.env,
    )
    await until('it waits', async () => waiting.stderr.includes('waiting for the lock'))
    waiting.child.kill('SIGKILL')
    program.child.kill('SIGTERM')
    await next(lock)
  })
})

describe('what needs no other node', () => {
  it('a tnl-do under its own lock is refused with 2', async () => {
    const names = [freshName(), freshName()]
    const nested = [...names, names[0] ?? ''].flatMap((name) => [STARTER, '--lock-name', name, '--'])
    const refused = new DoProgram([...nested, 'true'], server.env)
    expect((await refused.ended()).code).toBe(2)
    expect(refused.stderr).toContain(`runs under the lock '${names[0]}' already`)
  })

  it('--local asks nobody, whoever may vouch for a node', async () => {
    const lock = `local-tls-${process.pid}`
    const env = { ...server.env, TNL_TLS_CA: certificateFile('other-ca.pem') }
    const program = new DoProgram([STARTER, '--local', '--lock-name', lock, '--', 'sh', '-c', 'exit 6'], env)
    expect((await program.ended()).code).toBe(6)
  })
})

describe('before anything is run', () => {
  const ran = async (words: readonly string[], env = server.env): Promise<readonly [number | null, string, string]> => {
    const program = new DoProgram([STARTER, ...words, '--lock-name', freshName(), '--', 'echo', 'ran'], env)
    const { code } = await program.ended()
    return [code, program.stdout, program.stderr]
  }

  it('a node that does not prove who it is is told nothing: 125, at once', async () => {
    const [code, stdout, stderr] = await ran(['--tls-ca', certificateFile('other-ca.pem'), '--wait', '600'])
    expect([code, stdout]).toEqual([125, ''])
    expect(stderr).toMatch(/^tnl-do: no endpoint can be trusted \(127\.0\.0\.1:\d+: its certificate is not trusted/)
  })

  it.each([
    ['--tls-ca', '/no/such/ca.pem', /--tls-ca \/no\/such\/ca.pem: ENOENT/],
    ['--token-file', '/no/such/token', /--token-file \/no\/such\/token: ENOENT/],
    ['--tls-cert', certificateFile('client.pem'), /--tls-cert: a certificate and its key belong together/],
  ])('%s %s is bad usage, by name', async (flag, value, words) => {
    const [code, stdout, stderr] = await ran([flag, value])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(words)
  })
})
