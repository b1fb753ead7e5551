/**
 * Reads an auth file without holding up the node. A thousand identities take some hundred milliseconds of YAML: in the thread
 * that serves, a leader would be silent for as long, and be taken for dead on a slow machine.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type ReadAuth, readAuth } from './auth-schema.js'

const WORKER = new URL('./auth-worker.js', import.meta.url)
/** Sources that run as they are have no such file; then this thread does it. */
const hasWorker = existsSync(fileURLToPath(WORKER))

/** Never rejects. */
export function readAuthAside(text: string): Promise<ReadAuth> {
  return new Promise((resolve) => {
    const readHere = (): void => resolve(readAuth(text))
    if (!hasWorker) {
      readHere()
      return
    }
    try {
      const worker = new Worker(WORKER, { name: 'tnl-auth', workerData: text, execArgv: [] })
      worker.unref()
      worker.once('message', resolve)
      // There is no memory for another thread, for example.
      worker.once('error', readHere)
    } catch {
      readHere()
    }
  })
}
