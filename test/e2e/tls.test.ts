/** A cluster with certificates at every port: real nodes, real handshakes. */
import { connect as dialTcp } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askAdmin } from '../../src/cli/shared/line-client.js'
import { connect } from '../../src/client/index.js'
import { RefusalCode } from '../../src/raft/ports/transport.js'
import { SystemClock } from '../../src/server/system-clock.js'
import { ServerTls } from '../../src/server/tls/server-tls.js'
import { Authority, CertificateDirectory } from '../kit/authority.js'
import { helloOf } from '../kit/hello.js'
import { SHORT_LEASE, TestCluster, until } from '../kit/process-cluster.js'
import { converse, freshName } from '../kit/wire.js'
import { TestNode as TestPeer } from '../raft/net/kit.js'
import { opened } from '../server/clients/client-port-kit.js'
import { type TlsClient, tlsClient } from '../sockets/kit.js'

const CLUSTER = 'e2e'
const directory = new CertificateDirectory()
const fileOf = (id: string, kind: 'pem' | 'key') => `${directory.path}/${id}.${kind}`
const caFile = `${directory.path}/ca.pem`
let authority: Authority
let cluster: TestCluster

/** A new certificate in the files of a node. */
async function certify(id: string): Promise<void> {
  const uris = [`tnl://${CLUSTER}/${id}`]
  directory.put(id, await authority.issue({ commonName: id, uris, dns: ['localhost'], ips: ['127.0.0.1'] }))
}

beforeAll(async () => {
  authority = await Authority.create()
  directory.write('ca.pem', authority.cert)
  for (const id of ['n1', 'n2', 'n3']) await certify(id)
  const words = (id: string) => [
    ...[
      '--tls-cert',
      fileOf(id, 'pem'),
      '--tls-key',
      fileOf(id, 'key'),
      '--tls-client-ca',
      caFile,
      '--tls',
      'optional',
    ],
    ...['--peer-tls-cert', fileOf(id, 'pem'), '--peer-tls-key', fileOf(id, 'key'), '--peer-tls-ca', caFile],
    ...['--cluster-name', CLUSTER],
  ]
  cluster = await TestCluster.start(
    SHORT_LEASE,
    () => ({}),
    (plan) => ({ ...plan, words: [...plan.words, ...words(plan.nodeId)] }),
  )
  await cluster.untilRisen()
})

afterAll(async () => {
  await cluster?.stop()
  directory.close()
})

const client = () => connect({ endpoints: cluster.endpoints, tls: { ca: authority.cert } })
const FREE = 'ok\nreleased\n'
const ask = async (name: string) => converse(cluster.node(0).port, `lock,name:${name}\nrelease\n`)

/** Opens a session over TLS, names its own end (rule 5), and takes a lock. */
async function holding(name: string, port: number): Promise<TlsClient> {
  const held = await tlsClient({ port }, authority)
  const says = async (line: string, answer: RegExp) => {
    held.tls.write(`${line}\n`)
    await until(String(answer), async () => answer.test(held.text()))
  }
  await says(`hello,version:2,redirect:no,lease:3,from:127.0.0.1:${held.tcp.localPort}`, /^welcome,/m)
  await says(`lock,id:1,name:${name}`, /^ok,id:1/m)
  return held
}

describe('clients', () => {
  it('lock over TLS and plainly at the same port', async () => {
    const name = freshName()
    const secure = await client()
    const lock = await secure.acquire(name)
    expect(await ask(name)).toBe('not-granted\n')
    await lock.release()
    expect(await ask(name)).toBe(FREE)
    await secure.close()
  })

  it('that end are gone at once, by a word of TLS or of their kernel', async () => {
    for (const end of [(one: TlsClient) => one.tls.end(), (one: TlsClient) => one.tcp.destroy()]) {
      const name = freshName()
      const held = await holding(name, cluster.node(1).port)
      expect(await ask(name)).toBe('not-granted\n')
      end(held)
      await until('the lock is free', async () => (await ask(name)) === FREE)
    }
  })

  it('that reset mean to come back', async () => {
    const name = freshName()
    const held = await holding(name, cluster.node(1).port)
    const free = freshName()
    held.tcp.resetAndDestroy()
    // By then a FIN would have been heard: it takes as long as the end of another session that came later.
    const later = await holding(free, cluster.node(1).port)
    later.tls.end()
    await until('the later one is free', async () => (await ask(free)) === FREE)
    expect(await ask(name)).toBe('not-granted\n')
    await until('its lease is over', async () => (await ask(name)) === FREE)
  })
})

describe('certificates that are changed under load', () => {
  it('cost nobody anything', async () => {
    const shown = async (port: number) => {
      const { tls } = await tlsClient({ port }, authority)
      const { serialNumber } = tls.getPeerCertificate()
      tls.destroy()
      return serialNumber
    }
    const serials = () => Promise.all(cluster.nodes.map(({ port }) => shown(port)))
    const before = await serials()
    let isDone = false
    let rounds = 0
    const load = async () => {
      while (!isDone) {
        const one = await client()
        const lock = await one.acquire(freshName())
        await lock.release()
        await one.close()
        rounds += 1
      }
    }
    const loads = Promise.all([load(), load()])
    const long = await client()
    const kept = await long.acquire(freshName())
    for (const { id } of cluster.nodes) await certify(id)
    // One is told; the others find out.
    cluster.node(0).signal('SIGHUP')
    await until('all show the new ones', async () => {
      const now = await serials()
      return now.every((serial, place) => serial !== before[place])
    })
    const roundsThen = rounds
    await until('more clients', async () => rounds > roundsThen + 5)
    isDone = true
    await loads
    expect(kept.state).toBe('held')
    await long.close()
  })
})

describe('peers', () => {
  it('have all met over TLS, and nobody was refused', () => {
    for (const { log } of cluster.nodes) {
      expect(log).toContain('peer connected')
      expect(log).not.toContain('refused')
    }
  })

  it('say nothing to strangers', async () => {
    const { plan } = cluster.node(0)
    const tcp = dialTcp({ host: '127.0.0.1', port: plan.peerPort })
    opened.push({ close: () => tcp.destroy() })
    let heard = 0
    tcp.on('data', (chunk) => {
      heard += chunk.length
    })
    tcp.write('tell me\n')
    await new Promise((resolve) => tcp.once('close', resolve))
    expect(heard).toBe(0)
  })

  it('that were removed find no door open, whatever they say', async () => {
    const leader = await cluster.leader()
    const gone = (await cluster.followers())[1]
    const report = await gone.status()
    await askAdmin({ endpoints: [{ host: '127.0.0.1', port: leader.port }] }, '.member-remove', `,node:${gone.id}`)
    await gone.ended()
    for (const raftId of [2, 1_000_000]) {
      const ghost = await ghostOf(gone.id, report?.cluster ?? '', raftId)
      const others = cluster.nodes.filter((node) => node !== gone)
      ghost.transport.setPeers([])
      ghost.transport.setPeers(
        others.map(({ id, plan }) => ({ nodeId: id, raftId: 0, address: `127.0.0.1:${plan.peerPort}` })),
      )
      const refusers = () => new Set(ghost.of('refused').map(({ from }) => from))
      await ghost.until(() => refusers().size === others.length)
      for (const { refusal } of ghost.of('refused')) expect(refusal.code).toBe(RefusalCode.notMember)
      expect(ghost.of('up')).toEqual([])
      await ghost.transport.close()
    }
  })
})

/** Somebody who has the certificate of a node that was removed, and knows all that it knew. */
async function ghostOf(nodeId: string, clusterId: string, raftId: number): Promise<TestPeer> {
  const peerTls = {
    certFile: fileOf(nodeId, 'pem'),
    keyFile: fileOf(nodeId, 'key'),
    caFile,
    isRequired: true,
    clusterName: CLUSTER,
  }
  const log = { info: () => undefined, warn: () => undefined }
  const tls = await ServerTls.open({ nodeId, tls: null, proxyFrom: null, peerTls }, new SystemClock(), log as never)
  const network = tls.peerNetwork()
  if (network === null) throw new Error('no TLS')
  class Ghost extends TestPeer {
    override hello() {
      return helloOf({
        clusterId,
        nodeId,
        raftId,
        memberUid: 'what it was',
        empty: false,
        level: 2,
        processId: 'ghost',
      })
    }
  }
  return new Ghost(nodeId, { network, certificates: tls.peerCertificates }).start()
}
