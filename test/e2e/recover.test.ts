/**
 * A majority lost for good, as docs/operations/lost-majority.md says it, on real processes: what is kept, what is gone, that tokens
 * only grow, and that nobody of the old cluster is let in.
 */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHORT_LEASE, TestCluster, type TestNode, until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { blocksOf, RunbookPlay } from '../kit/runbook.js'
import { converse, fieldOf, Wire } from '../kit/wire.js'

const PAGE = 'operations/lost-majority.md'
/** Five starts, two of them of newcomers. */
const PLAY_TIMEOUT_MS = 120_000
const HELLO = 'hello,version:2,redirect:no'

let cluster: TestCluster
let play: RunbookPlay
/** A node of the old cluster that was not lost after all. */
let undead: TestNode

beforeAll(async () => {
  cluster = await TestCluster.start(SHORT_LEASE)
  await cluster.untilRisen()
  play = new RunbookPlay(cluster, SHORT_LEASE)
})

afterAll(() => cluster?.stop())

/** `typed`: what whoever is asked for the node's name answers. */
async function recover(directory: string, words: readonly string[] = [], typed = '') {
  const program = new Program('tnl', ['recover', '--data-dir', directory, ...words])
  program.child.stdin?.on('error', () => undefined)
  program.child.stdin?.end(typed)
  return { status: await program.status(), said: program.stdout + program.stderr, stdout: program.stdout }
}

async function session(node: TestNode): Promise<{ wire: Wire; welcome: string }> {
  const wire = await Wire.open(node.port)
  return { wire, welcome: (await wire.ask(HELLO)) ?? '' }
}

const blockUnder = (heading: string) => {
  const block = blocksOf(PAGE).find((each) => each.heading === heading)
  if (block === undefined) throw new Error(`no block under ${heading}`)
  return block
}

describe('a lost majority', { timeout: PLAY_TIMEOUT_MS }, () => {
  const dataDir = () => cluster.node(0).plan.dataDir
  let oldCluster = ''
  let alice = { session: '', secret: '' }
  let highest = 0

  it('before: locks, a mark, a loose lock', async () => {
    const [first] = await cluster.followers()
    const { wire, welcome } = await session(first)
    oldCluster = fieldOf(welcome, 'cluster')
    alice = { session: fieldOf(welcome, 'session'), secret: fieldOf(welcome, 'secret') }
    expect(await wire.ask('lock,id:1,name:alices')).toMatch(/^ok,/)
    expect(await wire.ask('lock,id:2,name:loose,ttl:3600,loose:yes')).toMatch(/^ok,/)
    const marked = new Program('tnl-do', ['--endpoints', cluster.endpoints, '--once', 'migrate', '--', 'true'])
    expect(await marked.status()).toBe(0)
    highest = Number(fieldOf(await wire.ask('lock,id:3,name:last'), 'token'))
    wire.destroy()
  })

  it('is not recovered while the node runs', async () => {
    expect(await recover(dataDir())).toMatchObject({ status: 1, said: expect.stringContaining('is in use by another') })
  })

  it('what is left says what it knows, and changes nothing', async () => {
    const [, kept] = cluster.nodes
    if (kept === undefined) throw new Error('no n2')
    kept.signal('SIGKILL')
    await kept.ended()
    const copy = `${kept.plan.dataDir}-kept`
    cpSync(kept.plan.dataDir, copy, { recursive: true })
    await play.play(blockUnder('Choose the directory'))
    expect(play.said).toMatch(/THIS MAKES A NEW CLUSTER OF n1 ALONE/)
    expect(play.said).toMatch(/every grant, release and done-mark that n2 and n3 agreed on after entry \d+/)
    const report = JSON.parse((await recover(dataDir(), ['--dry-run', '--json'])).stdout)
    expect(report).toMatchObject({ node: 'n1', formerCluster: oldCluster, recovered: false, kept: 1, marks: 1 })
    expect(report.members).toEqual(['n1', 'n2', 'n3'])
    const again = JSON.parse((await recover(dataDir(), ['--dry-run', '--json'])).stdout)
    expect(again.written).toBeCloseTo(report.written, 2)
    expect(report.highestToken).toBeGreaterThanOrEqual(highest)
    undead = kept
    cpSync(copy, kept.plan.dataDir, { recursive: true })
  })

  it('nobody recovers it by accident, and nothing of a damaged directory', async () => {
    const names = () => readdirSync(cluster.dir).sort()
    const before = names()
    for (const typed of ['', 'n2\n']) {
      expect(await recover(dataDir(), [], typed)).toMatchObject({ status: 1, said: expect.stringContaining('not n1') })
    }
    const behind = `const now=Date.now.bind(Date);Date.now=()=>now()-3_600_000`
    const clock = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(behind)}` }
    const early = new Program('tnl', ['recover', '--data-dir', dataDir(), '--yes-i-lost-a-majority'], clock)
    expect(await early.status()).toBe(1)
    expect(early.stderr).toMatch(/^this machine's clock says .* was last written/)
    expect(await recover(cluster.dir)).toMatchObject({ status: 1, said: expect.stringContaining('not the data dir') })
    expect(names()).toEqual(before)
    const damaged = join(cluster.dir, 'damaged')
    cpSync(dataDir(), damaged, { recursive: true })
    truncateSync(join(damaged, 'synced'), 100)
    const refused = await recover(damaged, ['--yes-i-lost-a-majority'])
    expect(refused).toMatchObject({ status: 3, said: expect.stringMatching(/damaged/) })
    rmSync(damaged, { recursive: true })
  })

  it('goes on as a cluster of one: a new id, sessions ended, marks and loose locks kept, higher tokens', async () => {
    await play.play(blockUnder('Recover'))
    const node = cluster.node(0)
    const { wire, welcome } = await session(node)
    expect(fieldOf(welcome, 'cluster')).not.toBe(oldCluster)
    const resumed = await Wire.open(node.port)
    expect(await resumed.ask(`resume,session:${alice.session},secret:${alice.secret}`)).toMatch(/code:session-expired/)
    resumed.destroy()
    const token = Number(fieldOf(await wire.ask('lock,id:1,name:alices'), 'token'))
    expect(token).toBeGreaterThan(highest)
    expect(await wire.ask('lock,id:2,name:loose')).toMatch(/^not-granted,.*reason:held/)
    expect(await wire.ask('lock,id:3,name:migrate,once:migrate')).toMatch(/^done,id:3,key:migrate,/)
    await wire.ask('bye')
    wire.destroy()
    expect(readdirSync(cluster.dir).filter((name) => name.includes('recovering'))).toEqual([])
    const old = readdirSync(cluster.dir).find((name) => name.startsWith('n1.before-')) ?? ''
    expect(readFileSync(join(cluster.dir, old, 'synced')).length).toBeGreaterThan(0)
  })

  it('a node of the old cluster that comes back is refused by both, and grants nothing', async () => {
    undead.start()
    const words = `n1 belongs to cluster ${(await cluster.node(0).status())?.cluster}, this is ${oldCluster}`
    await until('both refuse', async () => undead.log.includes(words) && cluster.node(0).log.includes(oldCluster))
    expect(await undead.status()).toMatchObject({ leader: null, lease: 0 })
    expect(await converse(undead.port, 'lock,name:alices\n')).toBe('err,no quorum\n')
    undead.signal('SIGKILL')
    await undead.ended()
  })

  it('is made three again, and is then no case for recover any more', async () => {
    await play.play(blockUnder('Make it three again'))
    const members = play.said.split('tnl members\n').at(-1) ?? ''
    expect(members.match(/^n[145] .* voter /gm)).toHaveLength(3)
    expect(play.node('n5').log).toContain('state taken from a snapshot of the leader')
  })

  it('the only member of a cluster is not recovered', async () => {
    const alone = join(cluster.dir, 'alone')
    const port = cluster.node(0).port + 60
    const words = ['--data-dir', alone, '--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`]
    const server = new Program('tnl-server', [...words, '--http', 'off'])
    await server.said(/"member of the cluster"|member of the cluster/)
    server.signal('SIGTERM')
    expect(await server.status()).toBe(0)
    expect(await recover(alone)).toMatchObject({
      status: 1,
      said: expect.stringContaining('majority of its cluster by'),
    })
    writeFileSync(join(alone, 'x'), '')
    const full = await recover(dataDir(), ['--to', alone])
    expect(full).toMatchObject({ status: 1, said: expect.stringContaining('is not empty') })
  })
})
