import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

const quietly = (program: string, ...words: string[]): void =>
  void execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] })

/** A small file system in memory: it can be full, and it can be made read-only even for root. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /** Null where this process may not mount anything. */
  static mount(path: string, sizeKib: number): SmallDisk | null {
    mkdirSync(path, { recursive: true })
    try {
      quietly('mount', '-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', path)
      return new SmallDisk(path)
    } catch {
      return null
    }
  }

  resize(sizeKib: number): void {
    quietly('mount', '-o', `remount,size=${sizeKib}k`, this.path)
  }

  setReadOnly(isReadOnly: boolean): void {
    quietly('mount', '-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.path)
  }

  unmount(): void {
    // Lazily: a killed child may not be gone yet.
    quietly('umount', '-l', this.path)
  }
}
