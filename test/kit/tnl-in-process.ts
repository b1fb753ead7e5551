/** `tnl` in the process of the test: what it prints and how it ends, for the price of a call. */
import { vi } from 'vitest'
import { runProgram } from '../../src/cli/tnl/run-program.js'
import { createTnl } from '../../src/cli/tnl/tnl-command.js'

export interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One at a time. Not for commands that end the process themselves, or wait for a signal. */
export async function tnlInProcess(...words: readonly string[]): Promise<Said> {
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text, ...rest) => {
      said[stream] += String(text)
      for (const each of rest) if (typeof each === 'function') each()
      return true
    })
  }
  const before = process.exitCode
  const listeners = process.stdout.listeners('error')
  try {
    process.exitCode = 0
    const run = async () => {
      await createTnl().parseAsync(words, { from: 'user' })
    }
    // A name that is still being looked up would end this process too.
    await runProgram(run, () => undefined)
    return { status: Number(process.exitCode), ...said }
  } finally {
    process.exitCode = before
    // A program listens until it ends; here it would be once more for every call.
    process.stdout.removeAllListeners('error')
    for (const each of listeners) process.stdout.on('error', (error: Error) => each(error))
    vi.restoreAllMocks()
  }
}
