/** Leadership and membership change under load: no lock is lost, and no client sees an error. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Load } from '../kit/load.js'
import { TestCluster, type TestNode } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { fieldOf, Wire } from '../kit/wire.js'

const TRANSFERS = 4

let cluster: TestCluster
let load: Load
let kept: Program

beforeAll(async () => {
  cluster = await TestCluster.start()
  // Above the block of the first three: where a fourth one finds its ports free.
  cluster.nodes.push(cluster.joiner('n4', cluster.node(2).port + 10))
  load = new Load({ endpoints: cluster.endpoints })
  kept = new Program('tnl-do', [
    '--endpoints',
    cluster.endpoints,
    '--lock-name',
    'kept',
    '--shell',
    'echo up; read end',
  ])
  await kept.said(/^up$/m)
})

afterAll(async () => {
  await load.stop()
  await kept.end()
  await cluster.stop()
})

async function tnl(...words: readonly string[]): Promise<Program> {
  const program = new Program('tnl', [...words, '--endpoints', cluster.endpoints])
  await program.status()
  // A member is added before it is started: the leader says that nobody answers at its address yet.
  if (words[1] === 'add') expect(program.stderr).toMatch(/not reachable yet/)
  else expect(program.stderr).toBe('')
  return program
}

async function stillKept(node: TestNode): Promise<void> {
  const wire = await Wire.open(node.port)
  expect(await wire.ask('lock,name:kept')).toBe('not-granted')
  wire.destroy()
  expect(kept.ended).toBe(false)
}

describe('under load', () => {
  it('the leadership is handed over', async () => {
    const holders = await Promise.all(cluster.nodes.slice(0, 3).map(({ port }) => Wire.open(port)))
    for (const [index, wire] of holders.entries()) expect(await wire.ask(`lock,name:classic-${index}`)).toBe('ok')
    for (let count = 0; count < TRANSFERS; count += 1) {
      const [next] = await cluster.followers()
      const transfer = await tnl('transfer', next.id)
      expect(transfer.stdout).toBe(`${next.id} leads now\n`)
      await load.goesOn()
    }
    for (const wire of holders) {
      expect(await wire.ask('.keepalive')).toBe('alive')
      expect(await wire.ask('release')).toBe('released')
    }
    await stillKept(cluster.node(0))
  })

  it('a fourth node joins, and becomes a voter', async () => {
    const joiner = cluster.node(3)
    const added = await tnl('members', 'add', joiner.id, `127.0.0.1:${joiner.plan.peerPort}`)
    expect(added.stdout).toContain('n4 is a learner now')
    joiner.start()
    const promoted = await tnl('members', 'promote', joiner.id, '--wait', '30')
    expect(promoted.stdout).toContain('n4 is a voter now')
    await cluster.untilAllServe()
    const wire = await Wire.open(joiner.port)
    expect(await wire.ask('lock,name:at-the-new-one')).toBe('ok')
    wire.destroy()
    await load.goesOn()
  })

  it('the leader is removed, while it leads and serves', async () => {
    const leader = await cluster.leader()
    const removed = await tnl('members', 'remove', leader.id)
    expect(removed.stdout).toBe(`${leader.id} is no longer a member\n`)
    const next = await cluster.leader(leader)
    await load.goesOn()
    await stillKept(next)
    const members = await tnl('members', '--json')
    const rows: { node: string }[] = JSON.parse(members.stdout)
    expect(rows.map(({ node }) => node)).toEqual(cluster.nodes.filter((node) => node !== leader).map(({ id }) => id))
    expect((await leader.ended()).code).toBe(0)
    cluster.nodes.splice(cluster.nodes.indexOf(leader), 1)
  })

  it('a node whose directory was wiped is refused, until it is replaced', async () => {
    const [wiped] = await cluster.followers()
    wiped.signal('SIGKILL')
    await wiped.ended()
    rmSync(wiped.plan.dataDir, { recursive: true })
    wiped.start()
    expect((await wiped.ended()).code).toBe(4)
    expect(wiped.log).not.toContain('"stack"')
    expect(wiped.log).toContain(`tnl members remove ${wiped.id}`)
    await load.goesOn()

    await tnl('members', 'remove', wiped.id)
    const added = await tnl('members', 'add', wiped.id, `127.0.0.1:${wiped.plan.peerPort}`)
    expect(added.stdout).toContain(`${wiped.id} is a learner now`)
    rmSync(wiped.plan.dataDir, { recursive: true, force: true })
    const again = cluster.joiner(wiped.id, wiped.port)
    cluster.nodes.splice(cluster.nodes.indexOf(wiped), 1, again)
    again.start()
    const promoted = await tnl('members', 'promote', again.id, '--wait', '30')
    expect(promoted.stdout).toContain('is a voter now')
    await cluster.untilAllServe()
    await load.goesOn()
    await stillKept(again)
  })

  it('a dead node is replaced by one change', async () => {
    const [dead] = await cluster.followers()
    dead.signal('SIGKILL')
    await dead.ended()
    const joiner = cluster.joiner('n5', cluster.node(2).port + 20)
    await tnl('members', 'add', joiner.id, `127.0.0.1:${joiner.plan.peerPort}`)
    joiner.start()
    const promoted = await tnl('members', 'promote', joiner.id, '--wait', '30', '--replaces', dead.id)
    expect(promoted.stdout).toBe(`n5 is a voter now in the place of ${dead.id}\n`)
    cluster.nodes.splice(cluster.nodes.indexOf(dead), 1, joiner)
    const members = await tnl('members', '--json')
    const rows: { node: string; role: string }[] = JSON.parse(members.stdout)
    expect(rows.map(({ node }) => node)).toEqual(cluster.nodes.map(({ id }) => id).sort())
    expect(rows.every(({ role }) => role === 'voter')).toBe(true)
    await cluster.untilAllServe()
    await load.goesOn()
    await stillKept(joiner)
  })

  it('and at the end nothing was lost', async () => {
    kept.child.stdin?.end('\n')
    expect(await kept.status()).toBe(0)
    const wire = await Wire.open(cluster.node(0).port)
    const answer = await wire.ask('lock,name:kept,fence:yes')
    expect(Number(fieldOf(answer, 'token'))).toBeGreaterThan(0)
    wire.destroy()
    await load.stop()
    expect(load.failures).toEqual([])
  })
})
