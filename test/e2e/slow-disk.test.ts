/** Disks that hang, under real servers (rules.md, Consensus, Slow disks). */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestCluster, type TestNode, until } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'
import { Preload } from '../preload/preload.js'

const dir = mkdtempSync(join(tmpdir(), 'tnl-hang-'))
const built = Preload.build(dir)
const OVERDUE = /takes longer than an election timeout/

describe.skipIf(typeof built === 'string')('a disk that hangs', () => {
  const preload = built as Preload
  let cluster: TestCluster

  beforeEach(async () => {
    cluster = await TestCluster.start([], ({ nodeId, dataDir }) => {
      mkdirSync(dataDir, { recursive: true })
      return { environment: { ...process.env, ...preload.environment(nodeId, dataDir) } }
    })
  })
  afterEach(async () => {
    for (const { id } of cluster.nodes) preload.set(id, 'syncHang', 0)
    await cluster.stop()
  })
  afterAll(() => {
    preload.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const hang = (node: TestNode, on = true): void => preload.set(node.id, 'syncHang', on ? 1 : 0)

  /** A client that asks again and again until the lock is granted. */
  async function granted(node: TestNode, name: string): Promise<void> {
    await until(`${node.id} grants ${name}`, async () => {
      const wire = await Wire.open(node.port)
      wire.send(`lock,name:${name}\nrelease\n`)
      const answer = await wire.line()
      wire.destroy()
      return answer === 'ok'
    })
  }

  it('under the leader does not stop the others, and is taken up again when it answers', async () => {
    const leader = await cluster.leader()
    const [first, second] = await cluster.followers()
    hang(leader)
    await Promise.all([granted(first, 'one'), granted(second, 'two')])
    expect(await cluster.leader(leader)).not.toBe(leader)
    expect(leader.end).toBeNull()
    hang(leader, false)
    await cluster.untilAllServe()
    await granted(leader, 'three')
  })

  it('under all of them ends nobody and moves no term, and everything goes on afterwards', async () => {
    const leader = await cluster.leader()
    const before = await leader.status()
    for (const node of cluster.nodes) hang(node)
    const asking = Promise.all(cluster.nodes.map((node, place) => granted(node, `lock-${place}`)))
    await until('all writes are overdue', async () => cluster.nodes.every(({ log }) => OVERDUE.test(log)))
    for (const node of cluster.nodes) hang(node, false)
    await asking
    const after = await leader.status()
    expect(cluster.nodes.map(({ end }) => end)).toEqual([null, null, null])
    expect([after?.role, after?.term]).toEqual(['leader', before?.term])
  })

  it('does not keep a server that is to stop: it ends with 3', async () => {
    const [node] = await cluster.followers()
    hang(node)
    await until('a write is under way', async () => {
      await granted(await cluster.leader(), 'more')
      return OVERDUE.test(node.log)
    })
    node.signal('SIGTERM')
    expect(await node.ended()).toEqual({ code: 3, signal: null })
    expect(node.log).toContain('the disk hangs')
  })
})
