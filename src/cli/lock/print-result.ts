import { pythonJson } from './python-json.js'

/**
 * Writes a result to stdout. Resolves with false if nobody can have read it: a full disk, a pipe without a reader. What else
 * would end the program at such an error waits, because a lock may have to be freed first.
 */
export function printResult(value: unknown): Promise<boolean> {
  const { stdout } = process
  const others = stdout.listeners('error')
  stdout.removeAllListeners('error')
  return new Promise((resolve) => {
    // The stream says it twice: without a listener the second word would end the program.
    const failed = (): void => resolve(false)
    stdout.on('error', failed)
    stdout.write(`${pythonJson(value)}\n`, (error) => {
      if (error != null) return failed()
      stdout.off('error', failed)
      for (const other of others) stdout.on('error', (reason: Error) => other(reason))
      resolve(true)
    })
  })
}
