/** Looks at what runs for the command: to name what the guardian cannot end, and to tell the watcher what there is. */
import { LOOK_SHARE } from '../guarding/limits.js'
import type { ProgramLog } from '../shared/log.js'
import { glanceAtDescendants, maySignal, nameProcesses } from '../system/processes.js'
import type { WatcherPipe } from './watcher-pipe.js'

export class Lookout {
  readonly #watcher: WatcherPipe
  readonly #log: ProgramLog
  readonly #named = new Set<number>()
  #hasLooked = false
  #nextLookAt = 0

  constructor(watcher: WatcherPipe, log: ProgramLog) {
    this.#watcher = watcher
    this.#log = log
  }

  /** Looks unless it has looked a moment ago: with thousands of processes a look takes long. */
  lookIfDue(): void {
    if (performance.now() >= this.#nextLookAt) this.look()
  }

  look(): void {
    const startedAt = performance.now()
    const before = process.cpuUsage()
    const running = glanceAtDescendants(process.pid)
    this.#watcher.known(running)
    // Of its own time: on a busy machine a short look takes long. The first says nothing, because it is being compiled.
    const { user, system } = process.cpuUsage(before)
    this.#nextLookAt = startedAt + (this.#hasLooked ? (user + system) / 1000 / LOOK_SHARE : 0)
    this.#hasLooked = true
    const beyond = running.filter(({ id }) => !this.#named.has(id) && !maySignal(id))
    if (beyond.length === 0) return
    for (const { id } of beyond) this.#named.add(id)
    this.#log.error(
      `this belongs to another user and cannot be ended with the lock; while it runs the lock is kept: ${nameProcesses(beyond)}`,
    )
  }
}
