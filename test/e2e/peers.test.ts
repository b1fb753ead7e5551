/** Strangers, stale addresses and secrets at the peer ports of real servers. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { TestCluster, TestNode, until } from '../kit/process-cluster.js'
import { converse } from '../kit/wire.js'

const clusters: TestCluster[] = []
const dirs: string[] = []
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()))
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

async function startCluster(words: readonly string[] = []): Promise<TestCluster> {
  const cluster = await TestCluster.start(words)
  clusters.push(cluster)
  return cluster
}

/** The node starts again with other words. */
async function restart(cluster: TestCluster, place: number, change: (words: readonly string[]) => readonly string[]) {
  const node = cluster.node(place)
  node.signal('SIGTERM')
  await node.ended()
  const again = new TestNode({ ...node.plan, words: change(node.plan.words) })
  cluster.nodes[place] = again
  again.start()
  return again
}

async function grants(cluster: TestCluster): Promise<void> {
  for (const { port, id } of cluster.nodes)
    expect(await converse(port, `lock,name:${id}\nrelease\n`)).toBe('ok\nreleased\n')
}

function secretFile(...secrets: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-secret-'))
  dirs.push(dir)
  const file = join(dir, 'secret')
  writeFileSync(file, `${secrets.join('\n')}\n`)
  return file
}

const OLD = 'the old secret, long enough for all of them'
const NEW = 'the new secret, long enough for all of them'
const settings = (file: string, use = 'required') => ['--peer-secret-file', file, '--peer-secret', use]

describe('two clusters that meet by a stale address', () => {
  it('both live on', async () => {
    const [one, other] = [await startCluster(), await startCluster()]
    const foreign = `n2=127.0.0.1:${other.node(1).plan.peerPort}`
    // n1 comes back with a list in which n2 stands at an address that belongs to the other cluster now, and n2 is away.
    const stale = (word: string) => word.replace(/n2=127\.0\.0\.1:\d+/, foreign)
    const node = await restart(one, 0, (words) =>
      words.map((word, at) => (words[at - 1] === '--cluster' ? stale(word) : word)),
    )
    const away = one.node(1)
    away.signal('SIGKILL')
    await away.ended()
    await until('a meeting', async () => [node, other.node(1)].every(({ log }) => log.includes('belongs to cluster')))
    await grants(other)
    away.start()
    await one.untilAllServe()
    await grants(one)
    await grants(other)
    expect([...one.nodes, ...other.nodes].map(({ end }) => end)).toEqual(Array(6).fill(null))
  })
})

describe('a peer secret', () => {
  it('is turned on in a running cluster, and replaced by another one, one node after the other', async () => {
    const cluster = await startCluster()
    const file = secretFile(OLD)
    for (const use of ['optional', 'required']) {
      for (const place of [0, 1, 2]) {
        await restart(cluster, place, (words) => [
          ...words.filter((word) => !settings(file, 'optional').includes(word)),
          ...settings(file, use),
        ])
        await cluster.untilAllServe()
      }
    }
    await grants(cluster)
    // All read the file again: first both are accepted, then the new one proves, then the old one is gone.
    for (const secrets of [[OLD, NEW], [NEW, OLD], [NEW]]) {
      writeFileSync(file, secrets.join('\n'))
      await restart(cluster, 0, (words) => words)
      await cluster.untilAllServe()
    }
    await grants(cluster)
    await until('n2 accepts the last secret alone', async () =>
      cluster.node(1).log.includes('has changed: 1 secrets are accepted now'),
    )
  })

  it('keeps out who has another one or none, and lets it in when it has learned the right one', async () => {
    const cluster = await startCluster(settings(secretFile(OLD)))
    const wrong = secretFile(NEW)
    const [right] = cluster.node(0).plan.words.filter((_word, at, words) => words[at - 1] === '--peer-secret-file')
    const node = await restart(cluster, 2, (words) => words.map((word) => (word === right ? wrong : word)))
    await until('a refusal', async () => node.log.includes('another peer secret'))
    expect(await node.status()).toMatchObject({ leader: null })
    writeFileSync(wrong, OLD)
    await cluster.untilAllServe()
    const bare = await restart(cluster, 2, (words) => words.filter((word) => !settings(wrong).includes(word)))
    await until('a refusal', async () => bare.log.includes('asks for a proof of the peer secret'))
    expect(bare.end).toBeNull()
    await grants({ nodes: cluster.nodes.slice(0, 2) } as unknown as TestCluster)
  })

  it('that is too short is bad usage, and the words say how to make one', async () => {
    const cluster = await startCluster()
    const node = await restart(cluster, 0, (words) => [...words, ...settings(secretFile('short'))])
    expect((await node.ended()).code).toBe(2)
    expect(node.log).toMatch(/--peer-secret-file .*32 characters.*openssl rand/)
  })
})
