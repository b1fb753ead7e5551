/** Seeds on several processes; one that dies or hangs is a violation of its seed, and is replaced. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RunResult } from './simulation.js'
import type { SeedOrder } from './worker.js'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
/** Real time; a seed takes a second. */
const SEED_LIMIT_MS = 180_000

type WireResult = Omit<RunResult, 'coverage'> & { readonly coverage: [string, number][] }

/** Calls `onResult` for each seed, in the order in which they end. Ends early when that returns false. */
export async function runSeeds(
  orders: readonly SeedOrder[],
  jobs: number,
  onResult: (result: RunResult) => boolean,
): Promise<void> {
  const left = [...orders].reverse()
  const work = async (): Promise<void> => {
    let worker: ChildProcess | null = null
    for (let order = left.pop(); order !== undefined; order = left.pop()) {
      worker ??= fork(WORKER)
      const result: RunResult = await runOne(worker, order)
      if (worker.exitCode !== null || worker.signalCode !== null) worker = null
      if (!onResult(result)) left.length = 0
    }
    worker?.kill()
  }
  await Promise.all(Array.from({ length: jobs }, work))
}

function runOne(worker: ChildProcess, order: SeedOrder): Promise<RunResult> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => worker.kill('SIGKILL'), SEED_LIMIT_MS)
    const onMessage = (message: unknown) => {
      const result = message as WireResult
      end({ ...result, coverage: new Map(result.coverage) })
    }
    const onExit = (code: number | null, signal: string | null) =>
      end({
        seed: order.seed,
        violation: `the process of the simulator ended (${code ?? signal}): a crash, or no end after ${SEED_LIMIT_MS / 1_000} s`,
        hash: '',
        events: 0,
        virtualMs: 0,
        coverage: new Map(),
        lastNotes: [],
      })
    const end = (result: RunResult) => {
      clearTimeout(limit)
      worker.off('message', onMessage)
      worker.off('exit', onExit)
      resolve(result)
    }
    worker.on('message', onMessage)
    worker.on('exit', onExit)
    worker.send(order)
  })
}
