/**
 * Files that are read again while the node runs: on SIGHUP, and when stat shows that they have changed. `fs.watch` is of no use
 * here, because orchestrators swap links to whole directories.
 *
 * A change counts once it has been the same for two looks: a file that is being written is not read half, and a certificate is
 * not paired with the key from before.
 */
import { stat } from 'node:fs/promises'
import type { Clock } from '../../platform.js'
import { WATCHED_FILES_LOOK_MS } from '../limits.js'

export interface WatchedSet {
  readonly files: readonly string[]
  /** Reads them again. Never rejects: what is bad now is logged, and what was before stays in force. */
  reload(): Promise<void>
}

interface Watched {
  readonly set: WatchedSet
  /** As they were when they were read last, and at the last look. */
  loaded: string
  seen: string
}

export class WatchedFiles {
  readonly #watched: Watched[] = []
  #isLooking = false
  #isStopped = false

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Those files were read before this is called. */
  async add(set: WatchedSet): Promise<void> {
    const now = await fingerprintOf(set.files)
    this.#watched.push({ set, loaded: now, seen: now })
    if (this.#watched.length === 1) this.#lookLater()
  }

  /** SIGHUP: an operator says that there is something new. */
  async reloadAll(): Promise<void> {
    for (const watched of this.#watched) await this.#reload(watched, await fingerprintOf(watched.set.files))
  }

  stop(): void {
    this.#isStopped = true
  }

  /** A file system that hangs holds up the next look, and nothing else. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    for (const watched of this.#watched) {
      const now = await fingerprintOf(watched.set.files)
      const isSettled = now === watched.seen
      watched.seen = now
      if (isSettled && now !== watched.loaded) await this.#reload(watched, now)
    }
    this.#isLooking = false
  }

  async #reload(watched: Watched, now: string): Promise<void> {
    watched.seen = now
    watched.loaded = now
    if (!this.#isStopped) await watched.set.reload()
  }

  #lookLater(): void {
    this.clock.after(WATCHED_FILES_LOOK_MS, () => {
      if (this.#isStopped) return
      void this.look()
      this.#lookLater()
    })
  }
}

async function fingerprintOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(fingerprint))).join('|')
}

/** Kubernetes changes a mounted file by another link to another file: the inode tells. */
async function fingerprint(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file)
    return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`
  }
}
