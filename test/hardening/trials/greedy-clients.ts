/** A few clients take all they can get; what that costs everybody else. ADR 20. */
import { TestCluster } from '../../kit/process-cluster.js'
import { type GreedyKind, greedyClients, lockLatencies } from '../greedy.js'
import type { Outcome, Size, Trial } from '../trial.js'

const GREEDY_CLIENTS = 64
/**
 * Lines are cheap to send and are rationed. A connection costs the kernel and Node before this program sees it, so those
 * that come and go as fast as they can cost everybody more.
 */
const RATIO_MAX: Record<GreedyKind, number> = { keepalive: 5, refusal: 5, ping: 10 }
const KINDS: Record<Size, readonly GreedyKind[]> = { short: ['keepalive'], long: ['keepalive', 'refusal', 'ping'] }
const ROUNDS: Record<Size, number> = { short: 15, long: 60 }
/** A quiet machine is asked for: on a busy one the medians say more of its other work. */
const JUDGES_RATIO: Record<Size, boolean> = { short: false, long: true }

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  const seen: string[] = []
  let ok = true
  try {
    const term = (await (await cluster.leader()).status())?.term
    for (const kind of KINDS[size]) {
      const quiet = await lockLatencies(cluster, ROUNDS[size])
      const ports = cluster.nodes.map(({ port }) => port)
      const flood = await greedyClients(kind, GREEDY_CLIENTS, ports)
      const busy = await lockLatencies(cluster, ROUNDS[size]).finally(() => flood.kill('SIGKILL'))
      const ratio = busy.medianMs / quiet.medianMs
      ok &&= !busy.jeopardy && (!JUDGES_RATIO[size] || ratio <= RATIO_MAX[kind])
      const words = `median ${quiet.medianMs.toFixed(1)} → ${busy.medianMs.toFixed(1)} ms (× ${ratio.toFixed(1)})`
      seen.push(`${kind}: ${words}, p99 ${busy.p99Ms.toFixed(0)} ms${busy.jeopardy ? ', jeopardy' : ''}`)
      await cluster.untilAllServe()
    }
    const after = (await (await cluster.leader()).status())?.term
    ok &&= term === after
    seen.push(term === after ? 'the leader stayed' : `the term went from ${term} to ${after}`)
  } finally {
    await cluster.stop()
  }
  return { ok, seen: seen.join('; ') }
}

export const trial: Trial = {
  name: 'greedy-clients',
  expected: `with ${GREEDY_CLIENTS} greedy clients of all nodes others' median is at most ${RATIO_MAX.keepalive} times the quiet one (${RATIO_MAX.ping} times while connections come and go); no jeopardy, no election`,
  inShortForm: true,
  run,
}
