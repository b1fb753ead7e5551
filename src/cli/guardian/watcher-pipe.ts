/** The guardian's end of the watcher's pipe. */
import { writeSync } from 'node:fs'
import { BOOT_RESOLUTION_MS } from '../../client/limits.js'
import type { HoldLimit } from '../../client/session/local-lease.js'
import { SESSION_LEASE_MAX_MS } from '../../protocol/limits.js'
import { MAX_KNOWN_PROCESSES } from '../guarding/limits.js'
import { WatcherWord } from '../guarding/watcher-words.js'
import type { ProcessInfo } from '../system/processes.js'

const HUNDREDTH_MS = 10

export class WatcherPipe {
  constructor(private readonly descriptor: number | null) {}

  group(id: number): void {
    this.write(`${WatcherWord.group} ${id}`)
  }

  guardian(id: number): void {
    this.write(`${WatcherWord.guardian} ${id}`)
  }

  /** A later one takes the place of this. */
  limit({ since, holdMs }: HoldLimit): void {
    // A lock of this host has none.
    if (holdMs > SESSION_LEASE_MAX_MS) return
    this.write(`${WatcherWord.limit} ${Math.ceil((since.bootMs + holdMs + BOOT_RESOLUTION_MS) / HUNDREDTH_MS)}`)
  }

  known(processes: readonly ProcessInfo[]): void {
    const words = processes.slice(0, MAX_KNOWN_PROCESSES).map(({ id, startTicks }) => `${id}:${startTicks}`)
    this.write([WatcherWord.known, ...words].join(' '))
  }

  done(): void {
    this.write(WatcherWord.done)
  }

  private write(line: string): void {
    if (this.descriptor === null) return
    try {
      writeSync(this.descriptor, `${line}\n`)
    } catch {
      // The watcher is dead, or stopped with a full pipe: it is of last resort only.
    }
  }
}
