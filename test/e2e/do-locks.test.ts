/** tnl-do and what it may ask for: several locks, modes, semaphores, times, done-marks; nested runs that would wait in a circle. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { DoProgram, STARTER } from '../kit/starter.js'
import { converse, freshName, Wire } from '../kit/wire.js'

let server: OneServer
let folder = ''
beforeAll(async () => {
  server = await OneServer.start()
  folder = mkdtempSync(join(tmpdir(), 'tnl-do-locks-'))
})
afterEach(endLeftovers)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const start = (...words: string[]): DoProgram => new DoProgram([STARTER, ...words], server.env)

async function run(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = start(...words)
  const { code } = await program.ended()
  return { code, stdout: program.stdout, stderr: program.stderr }
}

/** Runs until its input has a line, and says so when it has begun. */
const HELD = ['sh', '-c', 'echo begun; read line; exit 7']
const begun = (program: DoProgram): Promise<string> => program.printed(/^(begun)\n/m)
const names = (...each: string[]): string[] => each.flatMap((name) => ['--lock-name', name])
const isFree = async (name: string): Promise<boolean> =>
  (await converse(server.port, `lock,name:${name}\nrelease\n`)) === 'ok\nreleased\n'

describe('several locks', () => {
  it('are held together, and told in the order asked', async () => {
    const [a, b] = [freshName(), freshName()]
    const { code, stdout } = await run(...names(b, a), '--', 'sh', '-c', 'echo "$TNL_LOCK_NAME|$TNL_TOKEN|$TNL_HELD"')
    expect(code).toBe(0)
    const [, first, second] = /^(\d+) (\d+)$/.exec(stdout.split('|')[1] ?? '') ?? []
    expect(Number(second)).toBe(Number(first) + 1)
    expect(stdout).toMatch(new RegExp(`^${b} ${a}\\|.*\\|${b}@${first},\\S+ ${a}@${second},\\S+\n$`))
    expect([await isFree(a), await isFree(b)]).toEqual([true, true])
  })

  it('are all or nothing: none is held while one is waited for', async () => {
    const [a, b] = [freshName(), freshName()]
    const holder = start(...names(b), ...HELD)
    await begun(holder)
    const refused = await run(...names(a, b), 'true')
    expect([refused.code, await isFree(a)]).toEqual([123, true])
    expect(refused.stderr).toContain(`lock '${b}' was not granted`)
    const both = start('--wait', 'forever', '--debug', ...names(a, b), ...HELD)
    await until('it waits', async () => both.stderr.includes('in the queue'))
    // Reserved, though nobody holds it: whoever asked later must not delay the request for both.
    expect(await isFree(a)).toBe(false)
    holder.child.stdin?.end('go\n')
    await begun(both)
    both.child.stdin?.end('go\n')
    expect((await both.ended()).code).toBe(7)
  })

  it('may be 64, and a signal while they are waited for leaves all queues', async () => {
    const many = Array.from({ length: 64 }, () => freshName())
    const last = many.at(-1) ?? ''
    const holder = start(...names(last), ...HELD)
    await begun(holder)
    const waiter = start('--wait', 'forever', '--debug', ...names(...many), 'true')
    await until('it waits', async () => waiter.stderr.includes(`in the queue of '${last}'`))
    waiter.child.kill('SIGINT')
    expect((await waiter.ended()).code).toBe(130)
    expect(await isFree(many[0] ?? '')).toBe(true)
    holder.child.stdin?.end('go\n')
    await holder.ended()
    expect((await run(...names(...many), 'true')).code).toBe(0)
  })

  it('end the command when one of them is taken away', async () => {
    const [a, b] = [freshName(), freshName()]
    const holder = start(...names(a, b), '--', 'sh', '-c', 'echo "token $TNL_TOKEN"; exec sleep 1000')
    const token = await holder.printed(/^token \d+ (\d+)\n/m)
    const admin = await Wire.open(server.port)
    await admin.ask('hello,version:2,redirect:no')
    expect(await admin.ask(`.force-release,id:1,name:${b},token:${token},reason:a%20test`)).toMatch(/^forced,/)
    admin.destroy()
    expect((await holder.ended()).code).toBe(122)
    expect(holder.stderr).toContain(`the lock '${b}' was lost (forced)`)
    expect([await isFree(a), await isFree(b)]).toEqual([true, true])
  })
})

describe('modes', () => {
  it('shared are together, and exclusive is alone', async () => {
    const name = freshName()
    const readers = [start('--shared', ...names(name), ...HELD), start(...names(`${name}@shared`), ...HELD)]
    await Promise.all(readers.map(begun))
    expect((await run(...names(name), 'true')).code).toBe(123)
    for (const reader of readers) reader.child.stdin?.end('go\n')
    await Promise.all(readers.map((reader) => reader.ended()))
    expect((await run(...names(name), 'true')).code).toBe(0)
  })

  it('a semaphore has its permits and no more, and names another limit', async () => {
    const name = freshName()
    const holders = [
      start('--limit', '3', '--permits', '2', ...names(name), ...HELD),
      start(...names(`${name}@1/3`), ...HELD),
    ]
    await Promise.all(holders.map(begun))
    const refused = await run('--limit', '3', '--result', join(folder, 'r1'), ...names(name), 'true')
    expect(refused.code).toBe(123)
    expect(JSON.parse(readFileSync(join(folder, 'r1'), 'utf8')).notGranted).toMatchObject({
      reason: 'held',
      holders: 2,
    })
    const mismatch = await run('--limit', '4', ...names(name), 'true')
    expect([mismatch.code, mismatch.stderr]).toEqual([124, expect.stringContaining('3')])
  })
})

describe('nested runs', () => {
  const nested = (barrier: string, outer: string, inner: string): DoProgram => {
    const words = [STARTER, '--wait', '20', ...names(inner), 'echo', 'inside'].map((word) => `'${word}'`).join(' ')
    const script = `touch ${barrier}.$0; while [ ! -e ${barrier}.go ]; do sleep 0.02; done; exec ${words}`
    return start(...names(outer), '--', 'sh', '-c', script, outer)
  }

  it('a under b and b under a: one is refused and the other goes on', async () => {
    const [a, b] = [freshName(), freshName()]
    const barrier = join(folder, `barrier-${a}`)
    const runs = [nested(barrier, a, b), nested(barrier, b, a)]
    await until('both hold theirs', async () => [a, b].every((name) => existsSync(`${barrier}.${name}`)))
    writeFileSync(`${barrier}.go`, '')
    const codes = (await Promise.all(runs.map((each) => each.ended()))).map(({ code }) => code)
    expect(codes.toSorted()).toEqual([0, 123])
    const refused = runs[codes.indexOf(123)]
    expect(refused?.stderr).toMatch(/waits for \S+ of \S+ waits for/)
  })

  it('shared under shared is granted; exclusive under shared is refused with 2', async () => {
    const name = freshName()
    const inner = (...words: string[]): string[] => ['--', STARTER, '--wait', '20', ...words, 'echo', 'inside']
    const granted = await run('--shared', ...names(name), ...inner('--shared', ...names(name)))
    expect([granted.code, granted.stdout]).toEqual([0, 'inside\n'])
    const other = start('--shared', ...names(name), ...HELD)
    await begun(other)
    const refused = await run('--shared', ...names(name), ...inner(...names(name)))
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    const among = await run(
      ...names(freshName()),
      '--',
      STARTER,
      '--shared',
      ...names(name),
      ...inner(...names(freshName(), name)),
    )
    expect(among.code).toBe(2)
  })
})

describe('--once', () => {
  it('runs the command once, whoever asks, and ends the others with 0', async () => {
    const key = freshName()
    const file = join(folder, key)
    const runs = Array.from({ length: 4 }, (_, index) =>
      start(
        '--client-id',
        `run${index}`,
        '--once',
        key,
        '--wait',
        'forever',
        '--',
        'sh',
        '-c',
        `echo x >>${file}; sleep 0.2`,
      ),
    )
    expect((await Promise.all(runs.map((each) => each.ended()))).map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(readFileSync(file, 'utf8')).toBe('x\n')
    const late = await run('--once', key, '--result', join(folder, 'r2'), 'false')
    expect(late.code).toBe(0)
    const result = JSON.parse(readFileSync(join(folder, 'r2'), 'utf8'))
    expect(result).toMatchObject({ outcome: 'done-before', command: null, once: { key, marked: false } })
    expect(result.once.doneBefore.holder).toMatch(/^run\d$/)
    expect(Math.abs(Date.parse(result.once.doneBefore.since) - Date.now())).toBeLessThan(120_000)
  })

  it('may be about several locks, and is recorded with the release of them', async () => {
    const [key, a, b] = [freshName(), freshName(), freshName()]
    const words = ['--once', key, ...names(a, `${b}@shared`)]
    expect((await run(...words, 'echo', 'ran')).stdout).toBe('ran\n')
    expect((await run(...words, 'echo', 'ran')).stdout).toBe('')
    expect([await isFree(a), await isFree(b)]).toEqual([true, true])
  })

  it('counts a success only: after a failure the command runs again', async () => {
    const key = freshName()
    expect((await run('--once', key, '--', 'sh', '-c', 'exit 3')).code).toBe(3)
    const second = await run('--once', key, '--result', join(folder, 'r3'), 'echo', 'ran')
    expect([second.code, second.stdout]).toEqual([0, 'ran\n'])
    expect(JSON.parse(readFileSync(join(folder, 'r3'), 'utf8')).once).toEqual({ key, marked: true, doneBefore: null })
    expect((await run('--once', key, 'echo', 'ran')).stdout).toBe('')
  })

  it('runs again when who ran it was killed, or killed the command', async () => {
    const key = freshName()
    const killed = start('--once', key, ...HELD)
    await begun(killed)
    killed.child.kill('SIGKILL')
    const next = start('--once', key, '--wait', '20', '--', 'sh', '-c', 'kill -9 $$')
    expect((await next.ended()).code).toBe(137)
    expect((await run('--once', key, '--wait', '20', 'echo', 'ran')).stdout).toBe('ran\n')
  })

  it('is not counted when the lock was taken away before the end', async () => {
    const [key, name] = [freshName(), freshName()]
    const script = 'trap "exit 0" TERM; echo "token $TNL_TOKEN"; while :; do sleep 0.05; done'
    const program = start('--once', key, ...names(name), '--', 'sh', '-c', script)
    const token = await program.printed(/^token (\d+)\n/m)
    const admin = await Wire.open(server.port)
    await admin.ask('hello,version:2,redirect:no')
    await admin.ask(`.force-release,id:1,name:${name},token:${token},reason:a%20test`)
    admin.destroy()
    expect((await program.ended()).code).toBe(122)
    expect((await run('--once', key, ...names(name), 'echo', 'ran')).stdout).toBe('ran\n')
  })
})

describe('times', () => {
  it('--min-hold keeps the lock back, however soon the command ends', async () => {
    const name = freshName()
    expect((await run('--min-hold', '60', ...names(name), 'true')).code).toBe(0)
    const { code, stderr } = await run(...names(name), 'true')
    expect([code, stderr]).toEqual([123, expect.stringContaining('(delayed): for ')])
  })

  it('--ttl ends the command with the lock', async () => {
    const name = freshName()
    const { code, stderr } = await run('--ttl', '0.5', ...names(name), 'sleep', '1000')
    expect([code, stderr]).toEqual([122, expect.stringContaining(`the lock '${name}' was lost (ttl)`)])
    expect(await isFree(name)).toBe(true)
  })
})
