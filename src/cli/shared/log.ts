import { writeSync } from 'node:fs'

export const Verbosity = { quiet: 0, info: 1, debug: 2 } as const
export type Verbosity = (typeof Verbosity)[keyof typeof Verbosity]

/**
 * Words for people on stderr. They are written to the descriptor directly: `process.stderr` would set a pipe to
 * non-blocking, for the command too that inherits it, and would lose its text when the process exits at once.
 */
export class ProgramLog {
  constructor(
    private readonly program: string,
    private readonly verbosity: Verbosity,
  ) {}

  error(text: string): void {
    writeText(STDERR_FD, `${this.program}: ${text}\n`)
  }

  info(text: string): void {
    if (this.verbosity >= Verbosity.info) this.error(text)
  }

  debug(text: string): void {
    if (this.verbosity >= Verbosity.debug) this.error(text)
  }
}

const STDOUT_FD = 1
const STDERR_FD = 2

export const writeStdout = (text: string): void => writeText(STDOUT_FD, text)
export const writeStderr = (text: string): void => writeText(STDERR_FD, text)

function writeText(fd: number, text: string): void {
  try {
    writeSync(fd, text)
  } catch {
    // A closed or full stderr must not decide what happens to the lock.
  }
}
