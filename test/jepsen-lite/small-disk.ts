import { statfsSync } from 'node:fs'
import { runCommand, troubleOf } from '../kit/run-command.js'

/** Nothing of it is used up in advance; only a long run with much load comes near. */
const SIZE_BYTES = 1024 * 1024 * 1024
/** What is left when it is full: more only if the node writes so fast that less is used up before it is in force. */
const SLACK_BYTES = [0, 16, 64, 256, 1024].map((kib) => kib * 1024)

/** A file system of its own for one data directory, which can be made full. */
export class SmallDisk {
  private constructor(private readonly path: string) {}

  /** A string says why that cannot be done here. */
  static mount(path: string): SmallDisk | string {
    if (process.platform !== 'linux') return 'needs Linux'
    const trouble = troubleOf('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES}`, 'tmpfs', path])
    return trouble === null ? new SmallDisk(path) : `needs the right to mount (${trouble})`
  }

  /** From now on it is hardly bigger than what is on it. */
  fill(): void {
    for (const slackBytes of SLACK_BYTES) {
      const { bsize, blocks, bfree } = statfsSync(this.path)
      if (this.#resize((blocks - bfree) * bsize + slackBytes) === null) return
    }
    throw new Error(`${this.path} grows too fast to be made full`)
  }

  free(): void {
    const trouble = this.#resize(SIZE_BYTES)
    if (trouble !== null) throw new Error(`remount ${this.path}: ${trouble}`)
  }

  unmount(): void {
    runCommand('umount', ['-l', this.path])
  }

  /** The system refuses a size below what is in use. */
  #resize(bytes: number): string | null {
    return troubleOf('mount', ['-o', `remount,size=${bytes}`, this.path])
  }
}
