/**
 * Files that are read again while the node runs: on SIGHUP, and when stat shows that they have changed. `fs.watch` is of no use
 * here, because orchestrators swap links to whole directories.
 *
 * A change counts once it has been the same for two looks: a file that is being written is not read half, and a certificate is
 * not paired with the key from before. What cannot be used is tried again from time to time, though stat shows no change: the
 * reason may have been the system's, such as too many open files.
 *
 * A file system may hang, and takes a thread of few with it, which the disk of the log needs as well. So the files of one set are
 * looked at one after the other, sets that hang hold up no others, and not many sets may hang.
 */
import { stat } from 'node:fs/promises'
import type { Clock } from '../../platform.js'
import {
  WATCHED_FILES_HUNG_LOOKS,
  WATCHED_FILES_LOOK_MS,
  WATCHED_FILES_PATIENCE_MS,
  WATCHED_FILES_RETRY_LOOKS,
  WATCHED_SETS_HUNG_MAX_COUNT,
} from '../limits.js'

export interface WatchedSet {
  readonly files: readonly string[]
  /**
   * Reads them again. Never rejects: what is bad now is logged, once, and what was before stays in force. False: they cannot be
   * used as they are.
   */
  reload(): Promise<boolean>
}

export interface WatchedFilesDeps {
  readonly clock: Pick<Clock, 'after'>
  warn(message: string): void
  /** What of a file changes when it does, as text; the system's, unless given. Never rejects. */
  readonly fingerprint?: (file: string) => Promise<string>
}

/** One set, and how far it is with it. */
class Watched {
  /** As they were when they were read last, and at the last look. */
  loaded = ''
  seen = ''
  /** An operator says that there is something new. */
  isDue = false
  isBusy = false
  /** Looks that came meanwhile. */
  missedLooks = 0
  /** What was read last cannot be used: so many looks until it is tried again. */
  retryInLooks = Number.POSITIVE_INFINITY

  constructor(readonly set: WatchedSet) {}
}

export class WatchedFiles {
  readonly #watched: Watched[] = []
  readonly #fingerprint: (file: string) => Promise<string>
  #isStopped = false

  constructor(private readonly deps: WatchedFilesDeps) {
    this.#fingerprint = deps.fingerprint ?? fingerprintOf
  }

  /** Those files were read before this is called. */
  async add(set: WatchedSet): Promise<void> {
    const watched = new Watched(set)
    watched.loaded = await this.#fingerprintOf(set)
    watched.seen = watched.loaded
    this.#watched.push(watched)
    if (this.#watched.length === 1) this.#lookLater()
  }

  /** SIGHUP. */
  async reloadAll(): Promise<void> {
    for (const watched of this.#watched) watched.isDue = true
    await this.look()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when all were looked at, and read if they had changed, but for those that hang. */
  async look(): Promise<void> {
    for (const watched of this.#watched) await this.#inTime(this.#lookAt(watched))
  }

  async #lookAt(watched: Watched): Promise<void> {
    if (watched.isBusy) {
      watched.missedLooks += 1
      if (watched.missedLooks === WATCHED_FILES_HUNG_LOOKS) this.#tellHung(watched.set)
      return
    }
    if (this.#watched.filter(({ isBusy }) => isBusy).length >= WATCHED_SETS_HUNG_MAX_COUNT) return
    watched.isBusy = true
    watched.missedLooks = 0
    do await this.#readIfNew(watched)
    while (watched.isDue && !this.#isStopped)
    watched.isBusy = false
  }

  async #readIfNew(watched: Watched): Promise<void> {
    const { isDue } = watched
    watched.isDue = false
    const now = await this.#fingerprintOf(watched.set)
    const isSettled = now === watched.seen
    watched.seen = now
    watched.retryInLooks -= 1
    const isNew = isSettled && (now !== watched.loaded || watched.retryInLooks <= 0)
    if ((!isDue && !isNew) || this.#isStopped) return
    watched.loaded = now
    const isUsed = await watched.set.reload()
    watched.retryInLooks = isUsed ? Number.POSITIVE_INFINITY : WATCHED_FILES_RETRY_LOOKS
  }

  /** Whether it has come to its end or not. */
  #inTime(looked: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.deps.clock.after(WATCHED_FILES_PATIENCE_MS, resolve)
      void looked.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #tellHung({ files }: WatchedSet): void {
    this.deps.warn(`${files.join(', ')}: cannot be looked at, its disk hangs; what was read last stays in force`)
  }

  async #fingerprintOf({ files }: WatchedSet): Promise<string> {
    const prints: string[] = []
    for (const file of files) prints.push(await this.#fingerprint(file))
    return prints.join('|')
  }

  #lookLater(): void {
    this.deps.clock.after(WATCHED_FILES_LOOK_MS, () => {
      if (this.#isStopped) return
      void this.look()
      this.#lookLater()
    })
  }
}

/** Kubernetes changes a mounted file by another link to another file: the inode tells. */
async function fingerprintOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file)
    return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`
  }
}
