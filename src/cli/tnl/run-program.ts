import { CommanderError } from 'commander'
import { lookupsUnderWay } from '../../client/transport/lookup.js'
import { isCommandFailure } from '../shared/command-failure.js'
import { endProgram } from '../shared/end-program.js'
import { exitStatusOfSignal, TnlExit } from '../shared/exit-statuses.js'

/**
 * Runs a program of commands: what ended it becomes the exit status, its words go to stderr. `end` is called if something keeps
 * the process that nobody needs any more.
 */
export async function runProgram(
  run: () => Promise<void>,
  end: (status: number) => void = (status) => void endProgram(status),
): Promise<void> {
  // Tests run several programs in one process.
  if (!process.stdout.listeners('error').includes(endWithoutReader)) process.stdout.on('error', endWithoutReader)
  try {
    await run()
  } catch (error) {
    process.exitCode = exitCodeOf(error)
  }
  // Nothing else is left to do, but Node would wait for it.
  if (lookupsUnderWay() > 0) process.stdout.write('', () => end(Number(process.exitCode ?? TnlExit.ok)))
}

/** As SIGPIPE ends other programs, which Node ignores: `tnl locks | head`. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(exitStatusOfSignal('SIGPIPE'))
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own words, also the help and the version.
  // Its own status for bad usage is 1; a command that has another one says so.
  if (error instanceof CommanderError) return error.exitCode === 1 ? TnlExit.usage : error.exitCode
  const known = isCommandFailure(error)
  process.stderr.write(
    `${known ? error.message : `unexpected: ${error instanceof Error ? error.stack : String(error)}`}\n`,
  )
  return known ? error.exitCode : TnlExit.failed
}
