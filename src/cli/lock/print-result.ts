import { pythonJson } from './python-json.js'

/** Writes a result to stdout. Resolves with false if nobody can have read it. */
export function printResult(value: unknown): Promise<boolean> {
  return new Promise((resolve) => {
    // The stream says it twice: without a listener the second word would end the program.
    const failed = (): void => resolve(false)
    process.stdout.once('error', failed)
    process.stdout.write(`${pythonJson(value)}\n`, (error) => {
      if (error != null) return failed()
      process.stdout.off('error', failed)
      resolve(true)
    })
  })
}
