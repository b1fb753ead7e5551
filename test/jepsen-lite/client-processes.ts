import type { ChildProcess } from 'node:child_process'
import type { Random } from './types.js'

/** The processes of clients that run now: faults freeze and kill them. */
export class ClientProcesses {
  readonly #running = new Set<ChildProcess>()

  adopt(process: ChildProcess): void {
    if (process.exitCode !== null || process.signalCode !== null) return
    this.#running.add(process)
    process.once('exit', () => this.#running.delete(process))
  }

  /** About half of them, at least one if there is one. */
  some(random: Random): readonly ChildProcess[] {
    const shuffled = random.shuffled([...this.#running])
    return shuffled.slice(0, Math.ceil(shuffled.length / 2))
  }

  resumeAll(): void {
    for (const process of this.#running) process.kill('SIGCONT')
  }
}
