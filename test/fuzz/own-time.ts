/**
 * Time as this process had it: how long it stood in the queue for a processor does not count. On a machine with fifty programs
 * for two processors an answer may take twenty seconds, and nobody has done anything wrong.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const NS_A_MS = 1e6
const LOOK_MS = 50

/** Milliseconds; only differences mean anything. */
export function ownNow(): number {
  return performance.now() - queuedMs()
}

/** Nobody says so but Linux. */
function queuedMs(): number {
  if (process.platform !== 'linux') return 0
  const [, queuedNs] = readFileSync('/proc/self/schedstat', 'utf8').split(' ')
  return Number(queuedNs ?? 0) / NS_A_MS
}

/** True as soon as `isSo`; false when it was not within so much of its own time. */
export async function cameTrue(isSo: () => boolean | Promise<boolean>, ownMs: number): Promise<boolean> {
  const untilMs = ownNow() + ownMs
  for (;;) {
    if (await isSo()) return true
    if (ownNow() > untilMs) return false
    await sleep(LOOK_MS)
  }
}
