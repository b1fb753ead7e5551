/** The guardian's end of the watcher's pipe. */
import { writeSync } from 'node:fs'
import { MAX_KNOWN_PROCESSES } from '../guarding/limits.js'
import { WatcherWord } from '../guarding/watcher-words.js'
import type { ProcessInfo } from '../system/processes.js'

export class WatcherPipe {
  constructor(private readonly descriptor: number | null) {}

  group(id: number): void {
    this.write(`${WatcherWord.group} ${id}`)
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
