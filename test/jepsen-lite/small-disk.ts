import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'

/** Nothing of it is used up in advance; only a long run with much load comes near. */
const SIZE_BYTES = 1024 * 1024 * 1024

/** A file system of its own for one data directory, which can be made full. */
export class SmallDisk {
  private constructor(private readonly path: string) {}

  /** A string says why that cannot be done here. */
  static mount(path: string): SmallDisk | string {
    if (process.platform !== 'linux') return 'needs Linux'
    const trouble = run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES}`, 'tmpfs', path])
    return trouble === null ? new SmallDisk(path) : `needs the right to mount (${trouble})`
  }

  /** From now on it is as big as what is on it. */
  fill(): void {
    const { bsize, blocks, bfree } = statfsSync(this.path)
    this.#resize((blocks - bfree) * bsize)
  }

  free(): void {
    this.#resize(SIZE_BYTES)
  }

  unmount(): void {
    const trouble = run('umount', ['-l', this.path])
    if (trouble !== null) throw new Error(`umount ${this.path}: ${trouble}`)
  }

  #resize(bytes: number): void {
    const trouble = run('mount', ['-o', `remount,size=${bytes}`, this.path])
    if (trouble !== null) throw new Error(`remount ${this.path}: ${trouble}`)
  }
}

/** Null, or what went wrong. */
function run(command: string, words: readonly string[]): string | null {
  const { error, status, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (error !== undefined) return error.message
  return status === 0 ? null : stderr.trim()
}
