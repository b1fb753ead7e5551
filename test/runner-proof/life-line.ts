/**
 * When is nothing left of a command? Everything that it starts has the end of a pipe, which the kernel closes when a process dies,
 * before it can be seen as dead. So a read that finds the pipe at its end proves that no process of the command can run any more;
 * no list of processes has to be complete for that.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, readSync, unlinkSync } from 'node:fs'

const DESCRIPTOR = 9

export class LifeLine {
  readonly #descriptor: number
  readonly #byte = Buffer.alloc(1)

  constructor(readonly path: string) {
    const { status } = spawnSync('mkfifo', [path])
    if (status !== 0) throw new Error(`mkfifo ${path}: ${status}`)
    this.#descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  }

  /** The words with the pipe given to them, and to whatever they start. */
  hold(words: readonly string[]): readonly string[] {
    return ['sh', '-c', `exec ${DESCRIPTOR}>"$1"; shift; echo "token $TNL_TOKEN"; exec "$@"`, 'sh', this.path, ...words]
  }

  /** Right at this moment: somebody has the pipe. */
  get isHeld(): boolean {
    try {
      return readSync(this.#descriptor, this.#byte, 0, 1, null) > 0
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return true
      throw error
    }
  }

  /** Who has the pipe, for people: `1234 sleep 1000 [1234 (sleep) S 1 …]`. */
  holders(): string {
    const seen: string[] = []
    for (const id of readdirSync('/proc')) {
      try {
        if (readlinkSync(`/proc/${id}/fd/${DESCRIPTOR}`) !== this.path) continue
        const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const [stat = ''] = readFileSync(`/proc/${id}/stat`, 'utf8').split(' 0 ')
        seen.push(`${id} ${words}[${stat}]`)
      } catch {
        // No process, or one that has ended meanwhile.
      }
    }
    return seen.join(', ')
  }

  close(): void {
    closeSync(this.#descriptor)
    unlinkSync(this.path)
  }
}
