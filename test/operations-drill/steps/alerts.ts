/**
 * What the alert rules look at, brought about on real nodes: an alert that looks at a metric which never moves says nothing in the
 * night. How the rules judge it is the matter of their own tests (alerts.test.yaml, by promtool).
 */
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { type Client, connect } from '../../../src/client/index.js'
import { until } from '../../kit/process-cluster.js'
import type { Drill, Step } from '../drill.js'
import { LineOverTls } from '../line-over-tls.js'

const RULES = fileURLToPath(new URL('../../../deploy/helm/tcpnetlock/files/alerts.yaml', import.meta.url))
const QUEUE = 101
const LOSSES = 6

/** The sum of a metric over the nodes that answer, over all labels that contain `labels`. */
async function sum(drill: Drill, name: string, labels = ''): Promise<number> {
  const shown = await Promise.all(drill.cluster.nodes.map((node) => drill.metrics(node)))
  let total = 0
  for (const metrics of shown) {
    for (const [key, value] of metrics ?? []) {
      if ((key === name || key.startsWith(`${name}{`)) && key.includes(labels)) total += value
    }
  }
  return total
}

const reaches = (drill: Drill, what: string, least: number, ...metric: [name: string, labels?: string]) =>
  until(what, async () => (await sum(drill, ...metric)) >= least)

async function whileClientsAreServed(drill: Drill, client: Client): Promise<readonly string[]> {
  const changes = await sum(drill, 'tnl_raft_leader_changes_total')
  for (let times = 0; times < 4; times++) {
    const [heir] = await drill.cluster.followers()
    await drill.tnl('transfer', heir.id)
    await drill.cluster.leader()
  }
  await reaches(drill, 'changes of the leader', changes + 4, 'tnl_raft_leader_changes_total')
  const giveUp = new AbortController()
  setMaxListeners(0, giveUp.signal)
  const held = await client.acquire('shop/queue')
  const waiting = Array.from({ length: QUEUE }, () => client.acquire('shop/queue', { signal: giveUp.signal }))
  const settled = Promise.allSettled(waiting)
  await reaches(drill, 'a long queue', QUEUE, 'tnl_queue_length', 'prefix="shop"')
  giveUp.abort()
  await settled
  await held.release()
  for (let each = 0; each < LOSSES; each++) await client.acquire(`shop/short-${each}`, { ttl: 100 })
  await reaches(drill, 'losses', LOSSES, 'tnl_losses_total', 'reason="ttl"')
  await drill.tnl('snapshot', 'save', `${drill.security.folder}/again`)
  await reaches(drill, 'the time of a backup', 1, 'tnl_snapshot_sent_timestamp_seconds')
  return ['TcpNetLockLeaderChanges', 'TcpNetLockLongQueue', 'TcpNetLockLosses', 'TcpNetLockBackupOld']
}

/** Two of three are down: the last step of the drill. */
async function withoutQuorum(drill: Drill): Promise<readonly string[]> {
  const [last, ...others] = drill.cluster.nodes
  if (last === undefined) throw new Error('there is no node')
  for (const node of others) {
    node.signal('SIGKILL')
    await node.ended()
  }
  await until('nobody leads', async () => (await drill.metrics(last))?.get('tnl_raft_has_leader') === 0)
  await until('it is not ready', async () => (await drill.metrics(last))?.get('tnl_ready') === 0)
  const down = await Promise.all(others.map((node) => drill.metrics(node)))
  if (down.some((metrics) => metrics !== null)) throw new Error('a node that is down answers')
  // Whoever is connected when the right to speak ends is closed without a word; who comes later is told.
  await until('a client is told', async () => {
    const wire = await LineOverTls.open(last.port, drill.security.ca)
    wire.send(`lock,name:shop/x,auth:${drill.security.token('shop')}\n`)
    const said = await wire.until((text) => text.includes('\n'))
    wire.close()
    if (said !== '' && said !== 'err,no quorum\n') throw new Error(`without a quorum a client is told "${said}"`)
    return said !== ''
  })
  await reaches(drill, 'a refusal', 1, 'tnl_refusals_total', 'reason="no-quorum"')
  return [
    ...['TcpNetLockNoLeader', 'TcpNetLockNodeDown', 'TcpNetLockNodeNotReady'],
    ...['TcpNetLockOneFailureFromStop', 'TcpNetLockTurnedAway'],
  ]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[]
}

export const step: Step = {
  name: 'alerts',
  expected: 'what the alerts look at moves on real nodes, as far as that can be brought about in a minute',
  run: async (drill) => {
    const { endpoints, security } = drill
    const client = await connect({ endpoints, tls: { ca: security.ca }, token: security.token('shop') })
    const seen = [...(await whileClientsAreServed(drill, client))]
    await drill.loadGoesOn()
    await Promise.all([client.close(), drill.load.stop()])
    seen.push(...(await withoutQuorum(drill)))
    const known = (parse(readFileSync(RULES, 'utf8')) as Rules).groups.flatMap(({ rules }) => rules)
    const unknown = seen.filter((name) => !known.some(({ alert }) => alert === name))
    if (unknown.length > 0) throw new Error(`there is no alert ${unknown.join(', ')}`)
    const others = known.map(({ alert }) => alert).filter((alert) => !seen.includes(alert))
    return `${seen.length} of ${known.length}; by promtool alone: ${others.map((name) => name.replace('TcpNetLock', '')).join(', ')}`
  },
}
