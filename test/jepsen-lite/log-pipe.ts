import { spawnSync } from 'node:child_process'
import { constants, createWriteStream, openSync, rmSync, type WriteStream } from 'node:fs'
import { Socket } from 'node:net'

/** What a node says goes through a pipe, as under systemd or Docker; whoever reads it may stop doing so. */
export class LogPipe {
  readonly #reader: Socket
  readonly #file: WriteStream

  private constructor(
    /** What a node opens in place of `logFile`. */
    readonly path: string,
    logFile: string,
  ) {
    // With a writing end of its own the pipe outlives the node, and the node's opening never waits.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    this.#reader = new Socket({ fd, readable: true, writable: false })
    this.#file = createWriteStream(logFile, { flags: 'a' })
    this.#reader.on('error', () => {})
    this.#reader.on('data', (bytes) => void this.#file.write(bytes))
  }

  /** Null where a pipe cannot be made. */
  static open(logFile: string): LogPipe | null {
    const path = `${logFile}.pipe`
    rmSync(path, { force: true })
    const { error, status } = spawnSync('mkfifo', [path])
    return error === undefined && status === 0 ? new LogPipe(path, logFile) : null
  }

  /** Nobody reads: the kernel takes 64 KiB, and then no more. */
  stall(): void {
    this.#reader.pause()
  }

  resume(): void {
    this.#reader.resume()
  }

  close(): void {
    this.#reader.destroy()
    this.#file.end()
    rmSync(this.path, { force: true })
  }
}

export class LogPipes {
  readonly #pipes = new Map<string, LogPipe>()

  /** A string says why that cannot be done here. */
  static create(): LogPipes | string {
    return spawnSync('mkfifo', ['--version']).error === undefined ? new LogPipes() : 'needs mkfifo'
  }

  /** The file that the node is given for its log; what it says ends in `logFile` all the same. */
  open(nodeId: string, logFile: string): string {
    const pipe = LogPipe.open(logFile)
    if (pipe === null) return logFile
    this.#pipes.set(nodeId, pipe)
    return pipe.path
  }

  of(nodeId: string): LogPipe | undefined {
    return this.#pipes.get(nodeId)
  }

  close(): void {
    for (const pipe of this.#pipes.values()) pipe.close()
  }
}
