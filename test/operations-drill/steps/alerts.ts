/**
 * Every alert fires once, at a real Prometheus that reads real nodes, for a cause as it comes in the night: an alert that looks at a
 * metric which never moves says nothing then. Before that none does.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../../../src/client/index.js'
import { say } from '../../kit/tool.js'
import type { Cause, Ground } from '../alerts/cause.js'
import { alertNames, faster } from '../alerts/faster-rules.js'
import { OF_FILES } from '../alerts/of-files.js'
import { OF_LOCKS } from '../alerts/of-locks.js'
import { OF_NODES, THE_LAST } from '../alerts/of-nodes.js'
import { findPrometheus, Prometheus } from '../alerts/prometheus.js'
import type { Drill, Step } from '../drill.js'

const RULES = fileURLToPath(new URL('../../../deploy/helm/tcpnetlock/files/alerts.yaml', import.meta.url))
const WHILE_SERVED: readonly Cause[] = [...OF_LOCKS, ...OF_FILES, ...OF_NODES]
export const CAUSES: readonly Cause[] = [...WHILE_SERVED, ...THE_LAST]
/** It fires again by itself: nobody saves anything any more. */
const SOON_AGAIN = ['TcpNetLockBackupOld']

/** Where a node's metrics are, as Prometheus labels it. */
const instanceOf = ({ plan }: { readonly plan: { readonly httpPort: number } }): string => `127.0.0.1:${plan.httpPort}`

async function fireAll(drill: Drill, prometheus: Prometheus): Promise<number> {
  const { endpoints, security, cluster } = drill
  const client = await connect({ endpoints, tls: { ca: security.ca }, token: security.token('shop') })
  let fired = 0
  const fires: Ground['fires'] = async (alert, { of, again } = {}) => {
    const begun = performance.now()
    await prometheus.fires(alert, of === undefined ? null : instanceOf(of), again ?? (async () => undefined))
    fired += 1
    say(`     ${alert} fires after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  }
  const run = (cause: Cause) => cause.run({ drill, client, fires })
  await drill.tnl('snapshot', 'save', join(security.folder, 'again'))
  await prometheus.quiet()
  const beside = WHILE_SERVED.filter(({ isBeside }) => isBeside === true).map(run)
  // One that fails is heard of at the end, and must not end the process before.
  for (const each of beside) each.catch(() => undefined)
  for (const cause of WHILE_SERVED) if (cause.isBeside !== true) await run(cause)
  await Promise.all(beside)
  await cluster.untilAllServe()
  await drill.load.goesOn()
  await prometheus.quiet(SOON_AGAIN)
  await Promise.all([client.close(), drill.load.stop()])
  for (const cause of THE_LAST) await run(cause)
  return fired
}

export const step: Step = {
  name: 'alerts',
  expected:
    'a real Prometheus reads the nodes: every alert of alerts.yaml fires once, for a real cause, and none before and after it',
  missing: () => (findPrometheus() === null ? "Prometheus (Debian's package prometheus, or TNL_PROMETHEUS)" : null),
  run: async (drill) => {
    const { cluster, security } = drill
    const rules = readFileSync(RULES, 'utf8')
    const prometheus = await Prometheus.start(findPrometheus() ?? '', {
      folder: join(security.folder, 'prometheus'),
      targets: cluster.nodes.map(instanceOf),
      ca: security.ca,
      token: security.token('operators'),
      rules: faster(rules),
    })
    try {
      const fired = await fireAll(drill, prometheus)
      const known = alertNames(rules).length
      if (fired !== known) throw new Error(`${fired} of ${known} have fired`)
      return `all ${known} have fired, and those of a cluster that serves were over afterwards`
    } finally {
      await prometheus.stop()
    }
  },
}
