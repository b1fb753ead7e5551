/** The frame of a long command (`npm run fuzz`, `hardening`, `store-torture`): settings that are wrong, and its exit status. */

const BAD_USAGE = 2
const FAILED = 1

/** The words of the command line are wrong; the message says which. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const say = (text: string): void => void process.stdout.write(`${text}\n`)

export function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new UsageError(`${flag}: ${text} is no whole number`)
  return Number(text)
}

/** Runs `main`; what it throws becomes words on stderr and the exit status: 2 for bad usage, otherwise 1. */
export async function runTool(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    const isUsage =
      error instanceof UsageError ||
      (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    process.stderr.write(`${name}: ${error instanceof Error ? (isUsage ? error.message : error.stack) : error}\n`)
    process.exitCode = isUsage ? BAD_USAGE : FAILED
  }
}
