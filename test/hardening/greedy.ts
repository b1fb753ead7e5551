/** What a few greedy clients cost everybody else: lock latencies before and during a flood, in one run. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestCluster } from '../kit/process-cluster.js'
import { inTime, Wire } from '../kit/wire.js'

export type GreedyKind = 'keepalive' | 'refusal' | 'ping'

const SCRIPT = fileURLToPath(new URL('./greedy-process.ts', import.meta.url))

/** `count` greedy clients, spread over all nodes. Resolves once all are at work. */
export async function greedyClients(kind: GreedyKind, count: number, ports: readonly number[]): Promise<ChildProcess> {
  const words = ['--import', 'tsx', SCRIPT, kind, String(count), ports.join(',')]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout === null) throw new Error('no pipe')
  await inTime('the greedy clients are ready', once(child.stdout, 'data'))
  return child
}

export interface Latencies {
  readonly medianMs: number
  readonly p99Ms: number
  /** `jeopardy` was said. */
  readonly jeopardy: boolean
}

/** Locks and releases by one quiet session at each node. */
export async function lockLatencies(cluster: TestCluster, rounds: number): Promise<Latencies> {
  const wires = await Promise.all(cluster.nodes.map(({ port }) => Wire.open(port)))
  const timesMs: number[] = []
  let jeopardy = false
  for (const wire of wires) await answer(wire, 'hello,version:2,redirect:no,lease:60', /^welcome/)
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, wire] of wires.entries()) {
      const beganMs = performance.now()
      await answer(wire, `lock,id:${2 * round - 1},name:quiet-${index},ack:${2 * round - 2}`, /^ok/)
      timesMs.push(performance.now() - beganMs)
      await answer(wire, `release,id:${2 * round},name:quiet-${index}`, /^released/)
    }
  }
  for (const wire of wires) wire.send('bye\n')
  timesMs.sort((a, b) => a - b)
  const at = (share: number): number => timesMs[Math.min(timesMs.length - 1, Math.floor(share * timesMs.length))] ?? 0
  return { medianMs: at(0.5), p99Ms: at(0.99), jeopardy }

  async function answer(wire: Wire, line: string, expected: RegExp): Promise<void> {
    wire.send(`${line}\n`)
    for (;;) {
      const said = await wire.line()
      if (said === null) throw new Error(`the connection ended after ${line}`)
      if (said.startsWith('jeopardy')) jeopardy = true
      else if (expected.test(said)) return
      else if (!said.startsWith('safe')) throw new Error(`${line}: ${said}`)
    }
  }
}
