import { setTimeout as sleep } from 'node:timers/promises'
import { formatHostPort } from '../../address.js'
import { Credentials } from '../../client/security/credentials.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { BenchClient, type BenchRun, type Dialect } from './bench-client.js'
import { ExclusionCheck } from './exclusion-check.js'
import { type Latency, LatencyRecorder } from './percentiles.js'

export interface BenchOptions {
  readonly access: ClusterAccess
  readonly clients: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Every client its own lock, or all the same one. */
  readonly names: 'distinct' | 'one'
  readonly dialect: Dialect
  readonly json: boolean
}

interface BenchResult {
  readonly dialect: Dialect
  readonly names: string
  readonly clients: number
  readonly endpoints: readonly string[]
  readonly seconds: number
  /** One cycle is a lock and its unlock; in the classic dialect a connection as well. */
  readonly cycles: number
  readonly cyclesPerSecond: number
  readonly lock: Latency
  readonly unlock: Latency
  readonly errors: number
  readonly firstError: string | null
  /** Empty unless the cluster gave one lock to two clients. */
  readonly violations: readonly string[]
}

/** Closed loop: each client waits for its answer before it asks again. Fails when mutual exclusion was broken. */
export async function runBench(options: BenchOptions): Promise<void> {
  const result = await measure(options)
  process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : describe(result))
  const [violation] = result.violations
  if (violation !== undefined) throw new CommandFailure(TnlExit.refused, `mutual exclusion was broken: ${violation}`)
  if (result.cycles === 0)
    throw new CommandFailure(TnlExit.noEndpoint, `nothing done: ${result.firstError ?? 'no answer'}`)
}

async function measure(options: BenchOptions): Promise<BenchResult> {
  const { dialect, access, names } = options
  const { endpoints, credentials = Credentials.NONE } = access
  await credentials.refresh()
  const run: BenchRun = {
    dialect,
    credentials,
    check: new ExclusionCheck(),
    lockLatency: new LatencyRecorder(),
    unlockLatency: new LatencyRecorder(),
    measuring: false,
    stopping: false,
    cycles: 0,
    errors: 0,
    firstError: null,
  }
  const clients = Array.from({ length: options.clients }, (_, index) => {
    const endpoint = endpoints[index % endpoints.length] ?? { host: 'localhost', port: 0 }
    return new BenchClient(run, index, endpoint, names === 'one' ? 'bench' : `bench-${process.pid}-${index}`)
  })
  for (const client of clients) client.start()
  await sleep(options.warmUpSeconds * 1000)
  run.measuring = true
  const startedMs = performance.now()
  await sleep(options.seconds * 1000)
  run.measuring = false
  const seconds = (performance.now() - startedMs) / 1000
  run.stopping = true
  await Promise.all(clients.map((client) => new Promise<void>((resolve) => client.stop(resolve))))
  return {
    dialect,
    names,
    clients: options.clients,
    endpoints: endpoints.map(formatHostPort),
    seconds: Math.round(seconds * 1000) / 1000,
    cycles: run.cycles,
    cyclesPerSecond: Math.round(run.cycles / seconds),
    lock: run.lockLatency.summary(),
    unlock: run.unlockLatency.summary(),
    errors: run.errors,
    firstError: run.firstError,
    violations: run.check.violations,
  }
}

function describe(result: BenchResult): string {
  const { dialect, names, clients, endpoints, seconds, cycles, cyclesPerSecond, lock, unlock, errors, firstError } =
    result
  const lines = [
    `${dialect} dialect, ${clients} client${clients === 1 ? '' : 's'}, ${names} lock names, ${endpoints.join(' ')}`,
    `${cyclesPerSecond} lock+unlock cycles/s (${cycles} in ${seconds.toFixed(1)} s)`,
    latencyLine('lock  ', lock),
    latencyLine('unlock', unlock),
    `mutual exclusion: ${result.violations.length === 0 ? 'kept' : `BROKEN ${result.violations.length} times`}`,
  ]
  if (errors > 0) lines.push(`errors: ${errors}, the first: ${firstError}`)
  return `${lines.join('\n')}\n`
}

function latencyLine(word: string, { p50Ms, p90Ms, p99Ms, maxMs }: Latency): string {
  const figures = Object.entries({ p50: p50Ms, p90: p90Ms, p99: p99Ms, max: maxMs })
  return `${word}  ${figures.map(([name, value]) => `${name} ${value.toFixed(2)} ms`).join('  ')}`
}
