import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { WorkloadRun } from '../types.js'

const SCRIPT = fileURLToPath(new URL('./original_client.py', import.meta.url))

/**
 * The command of the original Python client as a reported process, or null. It is not installed with this project:
 * TCPNETLOCK_PYTHON is an interpreter that has it (`pip install tcpnetlock` in an environment of its own).
 */
export function originalClient(run: WorkloadRun, names: readonly string[]): (() => readonly [string, string[]]) | null {
  const python = process.env.TCPNETLOCK_PYTHON ?? 'python3'
  if (spawnSync(python, ['-c', 'import tcpnetlock.client.client']).status !== 0) {
    process.stdout.write('skipped: the original Python client: TCPNETLOCK_PYTHON names no interpreter that has it\n')
    return null
  }
  const order = JSON.stringify({ endpoints: run.endpoints, names, startedAt: String(run.startedAt) })
  return () => [python, [SCRIPT, order]]
}
