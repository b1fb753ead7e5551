import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const SCRIPT = fileURLToPath(new URL('./writer-process.ts', import.meta.url))

export interface StoreProcess {
  readonly child: ChildProcess
  readonly lines: AsyncIterableIterator<string>
}

/** A process of its own that opens the store in `directory`. It is gone at the end of the test. */
export function startProcess(directory: string, mode: 'write' | 'hold'): StoreProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, directory, mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

export async function nextLine({ lines }: StoreProcess): Promise<string> {
  const { value, done } = await lines.next()
  if (done === true) throw new Error('the process ended without a word')
  return value
}
