/**
 * The end of a server whose disk hangs. `process.exit` waits for the threads of libuv's pool, and one that is stuck in a
 * sync never comes back: a server that has given up would stay forever, with its ports and without a word. The system
 * call `_exit` waits for nobody.
 */
import { spawn } from 'node:child_process'

export type EndProcess = (exitCode: number) => never

/** Without the system call: how long `process.exit` may take before a helper kills the process. */
const EXIT_PATIENCE_S = 2

interface ForeignFunctions {
  load(library: string | null): { func(prototype: string): (exitCode: number) => void }
}

/** Loads what it needs at the start: a hanging disk may be the one that the packages are on. */
export async function prepareEnd(): Promise<EndProcess> {
  const exitNow = await loadExit()
  return (exitCode) => {
    process.exitCode = exitCode
    if (exitNow === null) killLater()
    else {
      process.emit('exit', exitCode)
      exitNow(exitCode)
    }
    process.exit(exitCode)
  }
}

/** Null where there is no `koffi` for this system: it is an optional dependency. */
export async function loadExit(): Promise<((exitCode: number) => void) | null> {
  if (process.platform === 'win32') return null
  try {
    const name = 'koffi'
    const { default: koffi } = (await import(name)) as { default: ForeignFunctions }
    return koffi.load(null).func('void _exit(int)')
  } catch {
    return null
  }
}

function killLater(): void {
  const helper = spawn('sh', ['-c', `sleep ${EXIT_PATIENCE_S}; kill -9 ${process.pid}`], {
    detached: true,
    stdio: 'ignore',
  })
  helper.on('error', () => undefined)
  helper.unref()
}
