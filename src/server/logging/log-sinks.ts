/** Where log lines go: stderr, whatever that is, written to without ever waiting for its reader. */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { LOG_RETRY_MS } from '../limits.js'
import { hasCode } from '../sockets/listen.js'
import type { LogSink } from './log-output.js'

const STDERR_FD = 2

/**
 * A pipe whose reader sleeps, a terminal that was stopped with Ctrl-S and a full disk all end up here. Pipes and sockets are
 * written to by the event loop, everything else by a thread: a write to a file may wait for its disk.
 */
export function stderrSink(): LogSink {
  const stat = fstatSync(STDERR_FD)
  if (stat.isFIFO()) return new SocketSink(reopened() ?? STDERR_FD)
  if (stat.isSocket()) return new SocketSink(STDERR_FD)
  return new FileSink(stat.isCharacterDevice() ? (reopened() ?? STDERR_FD) : STDERR_FD)
}

/**
 * Not to wait is a property of the open file, which others may share: the shell that started this process writes to the same
 * terminal. So it is opened once more. Null where that is not allowed, as for the pipe of another user.
 */
function reopened(): number | null {
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
    return openSync(`/proc/self/fd/${STDERR_FD}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return null
  }
}

class SocketSink implements LogSink {
  readonly #socket: Socket

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false, writable: true })
    // Each write hears of it as well.
    this.#socket.on('error', () => undefined)
  }

  write(text: string, done: (error: Error | null) => void): void {
    this.#socket.write(text, (error) => done(error ?? null))
  }

  writeNow(text: string): void {
    this.#socket.write(text)
  }
}

class FileSink implements LogSink {
  constructor(private readonly fd: number) {}

  write(text: string, done: (error: Error | null) => void): void {
    this.#writeAll(Buffer.from(text), done)
  }

  writeNow(text: string): void {
    try {
      writeSync(this.fd, text)
    } catch {
      // Nobody can be told.
    }
  }

  #writeAll(bytes: Buffer, done: (error: Error | null) => void): void {
    write(this.fd, bytes, (error, written) => {
      if (hasCode(error, 'EAGAIN')) setTimeout(() => this.#writeAll(bytes, done), LOG_RETRY_MS)
      else if (error !== null) done(error)
      else if (written < bytes.length) this.#writeAll(bytes.subarray(written), done)
      else done(null)
    })
  }
}
