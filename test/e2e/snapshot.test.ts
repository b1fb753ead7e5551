/** A cluster is saved under load, lost, and begun again from the file: on three real processes, by the commands of operators. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster, type TestNode, until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { fieldOf, Wire } from '../kit/wire.js'

/** Three nodes, each stopped and started more than once. */
const DRILL_TIMEOUT_MS = 120_000
const HELLO = 'hello,version:2,redirect:no'

let cluster: TestCluster
let dir = ''
let file = ''

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-saved-'))
  file = join(dir, 'saved')
  cluster = await TestCluster.start()
  await cluster.untilRisen()
})

afterAll(async () => {
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

async function run(name: string, words: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const program = new Program(name, words, env)
  const status = await program.status()
  const { stdout, stderr } = program
  return { status, stdout, stderr }
}

/** A command that asks the cluster. */
const ask = (...words: readonly string[]) => run('tnl', [...words, '--endpoints', cluster.endpoints])
const restore = (node: TestNode, words: readonly string[] = [], env: Record<string, string> = {}) =>
  run('tnl', ['snapshot', 'restore', file, '--data-dir', node.plan.dataDir, ...words], env)

/** The environment of a process whose clock is so far behind. */
function clockBehind(ms: number): Record<string, string> {
  const code = `const now=Date.now.bind(Date);Date.now=()=>now()-${ms};const D=Date;globalThis.Date=class extends D{constructor(...a){a.length?super(...a):super(D.now())}}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}

async function session(node: TestNode): Promise<{ wire: Wire; welcome: string }> {
  const wire = await Wire.open(node.port)
  return { wire, welcome: (await wire.ask(HELLO)) ?? '' }
}

/** A token of a name that nobody else asks for. */
async function tokenOf(node: TestNode, name: string): Promise<number> {
  const { wire } = await session(node)
  const token = Number(fieldOf(await wire.ask(`lock,id:1,name:${name}`), 'token'))
  await wire.ask('bye')
  wire.destroy()
  return token
}

async function stopAll(): Promise<void> {
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
}

/** Locks and releases on one node without a pause, until it is told to stop. Says how often it did. */
function load(node: TestNode): { stop(): Promise<number> } {
  let isOver = false
  const work = async () => {
    const { wire } = await session(node)
    let rounds = 0
    for (; !isOver; rounds++) {
      const token = fieldOf(
        await wire.ask(`lock,id:${2 * rounds + 1},name:load/${node.id}/${rounds % 7},ack:${2 * rounds}`),
        'token',
      )
      await wire.ask(`release,id:${2 * rounds + 2},name:load/${node.id}/${rounds % 7},token:${token}`)
    }
    wire.destroy()
    return rounds
  }
  const done = work()
  return {
    stop: () => {
      isOver = true
      return done
    },
  }
}

describe('a lost cluster', { timeout: DRILL_TIMEOUT_MS }, () => {
  let oldCluster = ''
  let highest = 0
  let alice = { session: '', secret: '' }

  it('was saved under load, from any node, with all that was answered before', async () => {
    const [first, second] = await cluster.followers()
    const { wire, welcome } = await session(first)
    oldCluster = fieldOf(welcome, 'cluster')
    alice = { session: fieldOf(welcome, 'session'), secret: fieldOf(welcome, 'secret') }
    expect(await wire.ask('lock,id:1,name:alices,meta:mine')).toMatch(/^ok,/)
    expect(await wire.ask('lock,id:2,name:loose,ttl:3600,loose:yes')).toMatch(/^ok,/)
    expect(await ask('resize', 'builders', '--limit', '2')).toMatchObject({ status: 0 })
    expect(await ask('freeze', 'frozen/', '--reason', 'moved')).toMatchObject({ status: 0 })
    const loads = cluster.nodes.map(load)
    const marked = await run('tnl-do', ['--endpoints', cluster.endpoints, '--once', 'migrate', '--', 'true'])
    expect(marked).toMatchObject({ status: 0 })
    const saved = await run('tnl', ['snapshot', 'save', file, '--json', '--endpoints', `127.0.0.1:${second.port}`])
    expect(saved).toMatchObject({ status: 0, stderr: '' })
    const report = JSON.parse(saved.stdout)
    expect(report).toMatchObject({ file, cluster: oldCluster, bytes: statSync(file).size })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const inspected = await run('tnl', ['snapshot', 'inspect', file, '--json'])
    const inside = JSON.parse(inspected.stdout)
    expect(inside).toMatchObject({ cluster: oldCluster, sha256: report.sha256, index: report.index, marks: 1, pins: 1 })
    expect(inside.freezes).toEqual([{ prefix: 'frozen/', reason: 'moved', until: null }])
    expect(inside.members.map(({ node, role }: { node: string; role: string }) => `${node} ${role}`)).toEqual([
      'n1 voter',
      'n2 voter',
      'n3 voter',
    ])
    expect(inside.holds).toBeGreaterThanOrEqual(2)
    const words = (await run('tnl', ['snapshot', 'inspect', file])).stdout
    expect(words).toMatch(/^freezes +'frozen\/'$/m)
    for (const one of loads) expect(await one.stop()).toBeGreaterThan(0)
    // The file does not know of this one.
    highest = await tokenOf(second, 'after-the-save')
    expect(highest).toBeGreaterThan(inside.highestToken)
    wire.destroy()
  })

  it('is not restored over a node that runs, or over its data unasked, or by a clock that is behind', async () => {
    const node = cluster.node(0)
    expect(await restore(node)).toMatchObject({ status: 1, stderr: expect.stringMatching(/is not empty: .*--replace/) })
    const running = await restore(node, ['--replace'])
    expect(running).toMatchObject({ status: 1, stderr: expect.stringMatching(/is in use by another process/) })
    await stopAll()
    expect(await restore(node)).toMatchObject({ status: 1, stderr: expect.stringMatching(/is not empty/) })
    for (const { plan } of cluster.nodes) rmSync(plan.dataDir, { recursive: true })
    const behind = await restore(node, [], clockBehind(3_600_000))
    expect(behind).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^this machine's clock says /),
    })
    expect(existsSync(node.plan.dataDir)).toBe(false)
  })

  it('does not begin again while one node was forgotten', async () => {
    for (const node of cluster.nodes.slice(0, 2)) {
      expect(await restore(node)).toMatchObject({ status: 0, stdout: expect.stringMatching(/1 done-marks, 1 freezes/) })
    }
    for (const node of cluster.nodes) node.start()
    const forgotten = cluster.node(2)
    await until('the others refuse the one that was forgotten', async () =>
      cluster.nodes.slice(0, 2).every(({ log }) => log.includes('do not begin with the same saved snapshot')),
    )
    for (const node of cluster.nodes) expect(await node.status()).not.toMatchObject({ role: 'leader' })
    forgotten.signal('SIGTERM')
    await forgotten.ended()
    expect(await restore(forgotten, ['--replace'])).toMatchObject({ status: 0 })
    forgotten.start()
    await cluster.untilAllServe()
  })

  it('is begun again: a new id on all nodes, sessions ended, marks, freezes and pins kept, higher tokens', async () => {
    const ids = new Set<string>()
    for (const node of cluster.nodes) {
      const { wire, welcome } = await session(node)
      ids.add(fieldOf(welcome, 'cluster'))
      wire.destroy()
    }
    expect(ids.size).toBe(1)
    expect(ids).not.toContain(oldCluster)
    const node = cluster.node(1)
    const resumed = await Wire.open(node.port)
    expect(await resumed.ask(`resume,session:${alice.session},secret:${alice.secret}`)).toMatch(
      /^err,code:session-expired/,
    )
    resumed.destroy()
    const { wire } = await session(node)
    const token = Number(fieldOf(await wire.ask('lock,id:1,name:alices'), 'token'))
    expect(token).toBeGreaterThan(highest)
    expect(await wire.ask('lock,id:2,name:loose')).toMatch(/^not-granted,.*reason:held/)
    expect(await wire.ask('lock,id:3,name:frozen/x')).toMatch(/^not-granted,.*reason:frozen,message:moved$/)
    expect(await wire.ask('lock,id:4,name:builders,limit:9')).toMatch(/^ok,.*limit:2$/)
    expect(await wire.ask('lock,id:5,name:migrate,once:migrate')).toMatch(/^done,id:5,key:migrate,/)
    wire.destroy()
    highest = Math.max(highest, token)
  })

  it('a second time: not while the clock is behind the first, and then above it', async () => {
    const savedAt = JSON.parse((await run('tnl', ['snapshot', 'inspect', file, '--json'])).stdout).saved
    await stopAll()
    const node = cluster.node(0)
    // Later than the save, earlier than the first restore: only what is in the directory knows.
    const behindMs = Date.now() - (1_000 * savedAt + 1_000)
    const behind = await restore(node, ['--replace'], clockBehind(behindMs))
    expect(behind).toMatchObject({ status: 1, stderr: expect.stringMatching(/^this machine's clock says /) })
    expect(existsSync(join(node.plan.dataDir, 'synced'))).toBe(true)
    for (const each of cluster.nodes) expect(await restore(each, ['--replace'])).toMatchObject({ status: 0 })
    for (const each of cluster.nodes) each.start()
    await cluster.untilAllServe()
    expect(await tokenOf(node, 'second')).toBeGreaterThan(highest)
  })
})

describe('what cannot be done', () => {
  it('is said in a sentence, and leaves what was there', async () => {
    const place = join(dir, 'kept')
    writeFileSync(place, 'of yesterday')
    const nobody = await run('tnl', ['snapshot', 'save', place, '--endpoints', '127.0.0.1:1'])
    expect(nobody).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^no endpoint sent a snapshot: 127\.0\.0\.1:1: /),
    })
    expect(readFileSync(place, 'utf8')).toBe('of yesterday')
    const folder = await ask('snapshot', 'save', dir)
    expect(folder).toMatchObject({
      status: 2,
      stderr: `${dir} is not a file: a snapshot is written beside and renamed to it\n`,
    })
    const nowhere = await ask('snapshot', 'save', join(dir, 'no', 'where'))
    expect(nowhere).toMatchObject({ status: 3, stderr: expect.stringMatching(/where cannot be written: ENOENT/) })
    const other = await run('tnl', ['snapshot', 'inspect', place])
    expect(other).toMatchObject({ status: 3, stderr: `${place}: it is not a saved snapshot\n` })
    const cut = join(dir, 'cut')
    writeFileSync(cut, readFileSync(file).subarray(0, -10))
    const shorter = await run('tnl', ['snapshot', 'restore', cut, '--data-dir', join(dir, 'data')])
    expect(shorter).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/cut: it is cut short: \d+ of \d+ bytes are there\n$/),
    })
    expect(existsSync(join(dir, 'data'))).toBe(false)
  })
})
