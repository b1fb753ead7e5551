/** `--result` and the user's hooks, against what an environment does to them. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RunResult } from '../../src/cli/do/result.js'
import { RunningDo } from '../cli/do/running-do.js'
import { groupIsDead } from '../cli/stat.js'
import { FakeCluster, type FakeNode } from '../client/fake-server.js'
import { endLeftovers } from '../kit/leftovers.js'
import { builtProgram } from '../kit/process-cluster.js'

let cluster: FakeCluster
let node: FakeNode
let folder = ''

beforeEach(async () => {
  cluster = new FakeCluster(3)
  node = await cluster.addNode()
  folder = mkdtempSync(join(tmpdir(), 'tnl-result-'))
})
afterEach(async () => {
  await endLeftovers()
  await cluster.close()
  rmSync(folder, { recursive: true, force: true })
})

function start(words: readonly string[], env: Record<string, string> = {}): RunningDo {
  return new RunningDo([builtProgram('tnl-do'), ...words], { TNL_ENDPOINTS: cluster.endpoints, ...env })
}

const result = (): string => join(folder, 'result.json')
const read = (): RunResult => JSON.parse(readFileSync(result(), 'utf8'))

async function run(
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<RunningDo & { status: number | null }> {
  const program = start(words, env)
  const { status } = await program.ended
  return Object.assign(program, { status })
}

describe('the result', () => {
  it('says how the command ended, and under which locks', async () => {
    const { status } = await run([
      '--client-id',
      'me',
      '--result',
      result(),
      '--lock-name',
      'x',
      '--',
      'sh',
      '-c',
      'exit 3',
    ])
    expect(status).toBe(3)
    expect(read()).toMatchObject({
      version: 1,
      outcome: 'ran',
      exitStatus: 3,
      command: { status: 3, signal: null },
      locks: [{ name: 'x', mode: 'exclusive', permits: null, limit: null, token: cluster.lock('x').token }],
      clientId: 'me',
      cluster: 'c1',
      lost: null,
      notGranted: null,
      once: null,
      error: null,
    })
    const { startedAt, grantedAt, endedAt } = read()
    expect([startedAt, grantedAt, endedAt].map((time) => Date.parse(time ?? '')).every(Number.isFinite)).toBe(true)
    expect(readdirSync(folder)).toEqual(['result.json'])
  })

  it('says the signal that ended the command', async () => {
    await run(['--result', result(), '--lock-name', 'x', '--', 'sh', '-c', 'kill -TERM $$'])
    expect(read()).toMatchObject({ outcome: 'ran', exitStatus: 143, command: { status: null, signal: 'SIGTERM' } })
  })

  it('says by whom it was held', async () => {
    cluster.lock('x').holder = cluster.strange()
    const { status } = await run(['--conflict-exit-code', '75', '--result', result(), '--lock-name', 'x', 'true'])
    expect(status).toBe(75)
    expect(read()).toMatchObject({
      outcome: 'not-granted',
      exitStatus: 75,
      command: null,
      grantedAt: null,
      notGranted: { name: 'x', reason: 'held', holder: expect.any(String) },
      error: { code: 'TNL_NOT_GRANTED' },
    })
  })

  it('says that a wait was interrupted', async () => {
    cluster.lock('x').holder = cluster.strange()
    const program = start(['--wait', 'forever', '--result', result(), '--lock-name', 'x', 'true'])
    await node.until(() => cluster.lock('x').queue.length === 1)
    program.child.kill('SIGINT')
    expect((await program.ended).status).toBe(130)
    expect(read()).toMatchObject({ outcome: 'interrupted', exitStatus: 130, command: null })
  })

  it("says that the lock was lost, with a status of the user's", async () => {
    const program = start([
      '--lost-exit-code',
      '9',
      '--result',
      result(),
      '--lock-name',
      'x',
      '--',
      'sh',
      '-c',
      'echo $$; exec sleep 1000',
    ])
    await program.printed()
    node.mood = { kind: 'silent' }
    expect((await program.ended).status).toBe(9)
    expect(read()).toMatchObject({ outcome: 'lost', exitStatus: 9, lost: { name: 'x' } })
  })

  it('says that no node was reached, and that a command was not found', async () => {
    await run(['--endpoints', '127.0.0.1:1', '--result', result(), 'true'])
    expect(read()).toMatchObject({ outcome: 'unreachable', exitStatus: 125, error: { code: 'TNL_NO_ENDPOINT' } })
    await run(['--result', result(), '--lock-name', 'x', 'no-such-command'])
    expect(read()).toMatchObject({ outcome: 'failed', exitStatus: 127, command: null })
  })

  it.each([
    ['in a folder that is not there', () => join(folder, 'none', 'r'), 'ENOENT'],
    ['that is a folder', () => folder, 'EISDIR'],
  ])('is refused with 2 before anything runs: a file %s', async (_, path, word) => {
    const { status, stderr } = await run(['--result', path(), '--lock-name', 'x', 'touch', join(folder, 'ran')])
    expect([status, existsSync(join(folder, 'ran'))]).toEqual([2, false])
    expect(stderr).toContain(word)
    expect(node.heard('hello')).toBe(false)
  })

  it.runIf(process.getuid?.() !== 0)('is refused with 2 where nobody may write', async () => {
    chmodSync(folder, 0o555)
    expect((await run(['--result', result(), 'true'])).status).toBe(2)
    chmodSync(folder, 0o755)
  })

  it('of an earlier run is gone as soon as this one begins', async () => {
    writeFileSync(result(), 'old')
    const program = start(['--result', result(), '--lock-name', 'x', '--', 'sh', '-c', 'echo $$; exec sleep 1000'])
    await program.printed()
    expect(existsSync(result())).toBe(false)
    process.kill(program.pid, 'SIGKILL')
    await program.ended
    expect(existsSync(result())).toBe(false)
  })

  it('goes into a pipe or a device as it is, and replaces a link, not what it leads to', async () => {
    const { stderr, status } = await run(['--result', '/dev/stderr', '--lock-name', 'x', 'true'])
    expect([status, JSON.parse(stderr).outcome]).toEqual([0, 'ran'])
    const target = join(folder, 'target')
    writeFileSync(target, 'mine')
    symlinkSync(target, result())
    await run(['--result', result(), '--lock-name', 'x', 'true'])
    expect([read().outcome, readFileSync(target, 'utf8')]).toEqual(['ran', 'mine'])
  })

  it('that cannot be written at the end changes no status', async () => {
    const { status, stderr } = await run([
      '--result',
      result(),
      '--lock-name',
      'x',
      '--',
      'sh',
      '-c',
      `rm -r ${folder}; exit 4`,
    ])
    expect(status).toBe(4)
    expect(stderr).toContain('the result cannot be written')
  })
})

describe('the hooks', () => {
  const script = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, 0o755)
    return path
  }
  const said = (): string => readFileSync(join(folder, 'said'), 'utf8')

  it('are told of every try, and of the lock that is in the way', async () => {
    const before = script('before', `echo "before $*" >>${folder}/said`)
    const locked = script('locked', `echo "locked $*" >>${folder}/said`)
    cluster.lock('x').holder = cluster.strange()
    const words = ['--retry', '2', '--retry-wait', '0.01', '--on-before-lock', before, '--on-already-locked', locked]
    expect((await run([...words, '--lock-name', 'x', 'true'])).status).toBe(123)
    expect(said()).toBe('before x\nlocked x\nbefore x\nlocked x\nbefore x\nlocked x\n')
  })

  it('are told once of a wait', async () => {
    const locked = script('locked', `echo "locked $*" >>${folder}/said`)
    cluster.lock('x').holder = cluster.strange()
    const program = start(['-v', '--wait', '60', '--on-already-locked', locked, '--lock-name', 'x', 'true'])
    await node.until(() => cluster.lock('x').queue.length === 1)
    cluster.free('x')
    expect((await program.ended).status).toBe(0)
    expect(said()).toBe('locked x\n')
  })

  it("write to stderr, for stdout is the command's", async () => {
    const before = script('before', 'echo out; echo err >&2')
    const { stdout, stderr } = await run(['--on-before-lock', before, '--lock-name', 'x', 'echo', 'mine'])
    expect([stdout, stderr]).toEqual(['mine\n', 'out\nerr\n'])
  })

  it.each([
    ['that fails', () => script('bad', 'exit 7')],
    ['that is not there', () => join(folder, 'none')],
    ['that is no program', () => '/etc/passwd'],
    ['that is nothing', () => ''],
  ])('change nothing: one %s', async (_, path) => {
    const { status } = await run(['--on-before-lock', path(), '--lock-name', 'x', '--', 'sh', '-c', 'exit 3'])
    expect(status).toBe(3)
  })

  it('that hang are killed by an interrupt of the wait', async () => {
    const before = script('hangs', 'echo $$ >&2; sleep 1000')
    const program = start(['--on-before-lock', before, '--lock-name', 'x', 'true'])
    await vi.waitFor(() => expect(program.stderr).toMatch(/^\d+\n/), { timeout: 20_000 })
    const group = Number(program.stderr)
    program.child.kill('SIGTERM')
    expect((await program.ended).status).toBe(143)
    await vi.waitFor(() => expect(groupIsDead(group)).toBe(true), { timeout: 20_000 })
    expect(node.heard('lock,')).toBe(false)
  })
})
