import { writeSync } from 'node:fs'

const STDOUT_FD = 1
const FULL_PIPE_WAIT_MS = 1

const never = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a line to stdout before it returns, so that whoever reads it knows of it even if this process is killed the
 * moment after. The pipe does not block: when its reader is slow it refuses with EAGAIN, and is tried again.
 */
export function sayLine(text: string): void {
  const bytes = Buffer.from(`${text}\n`)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(STDOUT_FD, bytes, written)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(never, 0, 0, FULL_PIPE_WAIT_MS)
    }
  }
}
