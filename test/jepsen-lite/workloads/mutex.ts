import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, NotGrantedError } from '../../../src/client/index.js'
import type { Finding, HistoryEvent, HistoryValue, Workload, WorkloadRun } from '../types.js'

const NAMES = 3
const WAIT_MS = 2_000
const HOLD_MAX_MS = 50
const THINK_MAX_MS = 200
const RETRY_MS = 200

/** Few names, many clients of the library: each takes a lock, holds it for a moment, and releases it. */
export class MutexWorkload implements Workload {
  readonly name = 'mutex'
  #stopped = false
  #clients: Promise<void>[] = []

  start(run: WorkloadRun): void {
    this.#clients = Array.from({ length: run.clients }, () => this.#runClient(run))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    const findings: Finding[] = []
    const lastGrant = new Map<string, HistoryEvent>()
    for (const event of history) {
      if (event.workload !== this.name || event.f !== 'acquire' || event.type !== 'ok') continue
      const { name = '', token = 0 } = event.value
      const before = lastGrant.get(name)
      if (before !== undefined && (before.value.token ?? 0) >= token) {
        findings.push({ check: 'tokens', what: `the token of ${name} does not grow`, events: [before, event] })
      }
      lastGrant.set(name, event)
    }
    return findings
  }

  async #runClient(run: WorkloadRun): Promise<void> {
    while (!this.#stopped) {
      try {
        const client = await connect({ endpoints: run.endpoints, lease: run.leaseMs })
        try {
          while (!this.#stopped) await this.#cycle(run, client)
        } finally {
          await client.close()
        }
      } catch {
        await sleep(RETRY_MS)
      }
    }
  }

  async #cycle(run: WorkloadRun, client: Client): Promise<void> {
    const process = run.nextProcess()
    const name = `mutex-${run.random.int(NAMES)}`
    run.record({ type: 'invoke', process, f: 'acquire', value: { name } })
    let token: number
    try {
      const lock = await client.acquire(name, { wait: WAIT_MS })
      token = lock.token
      run.record({ type: 'ok', process, f: 'acquire', value: { name, token } })
      await sleep(run.random.float() * HOLD_MAX_MS)
      await release(run, process, { name, token }, () => lock.release())
    } catch (error) {
      const type = error instanceof NotGrantedError ? 'fail' : 'info'
      run.record({ type, process, f: 'acquire', value: { name, error: String(error) } })
      if (type === 'info') throw error
    }
    await sleep(run.random.float() * THINK_MAX_MS)
  }
}

async function release(
  run: WorkloadRun,
  process: number,
  value: HistoryValue,
  action: () => Promise<void>,
): Promise<void> {
  run.record({ type: 'invoke', process, f: 'release', value })
  try {
    await action()
    run.record({ type: 'ok', process, f: 'release', value })
  } catch (error) {
    run.record({ type: 'info', process, f: 'release', value: { ...value, error: String(error) } })
  }
}
