/** What happened in the worlds that were played: a workload that never meets the interesting cases proves nothing. */
import { formatTable } from '../../../src/cli/shared/table.js'
import { CommandType } from '../../../src/locks/commands/commands.js'
import type { World } from './world.js'

/** What a run of some ten thousand steps has to have met. */
export const WANTED: readonly string[] = [
  ...['answer granted', 'answer done', 'answer released', 'answer cancelled', 'answer forced', 'answer resized'],
  ...['answer frozen', 'answer thawed', 'answer forgotten'],
  ...['held', 'queued', 'delayed', 'frozen', 'timeout', 'cancelled'].map((reason) => `refused ${reason}`),
  'answer deadlock',
  ...['not-holder', 'permits', 'limit-mismatch', 'bad-request'].map((code) => `error ${code}`),
  ...[
    'queued',
    'lost',
    'timed',
    'untimed',
    'ended',
    'detached',
    'resumed',
    'resumeForbidden',
    'superseded',
    'epochEnded',
    'waitLeft',
  ],
  ...['granted', 'released', 'lost', 'ended', 'queued', 'left', 'limit', 'frozen', 'thawed'].map(
    (type) => `event ${type}`,
  ),
  ...['granted several', 'restored'],
]

export class Tally {
  steps = 0
  worlds = 0
  readonly #counts = new Map<string, number>()

  add(world: World): void {
    this.worlds++
    this.steps += world.history.length
    for (const [what, count] of world.counts) this.#count(what, count)
    this.#count('restored', world.restores)
    for (const { command } of world.history) {
      const [name] = Object.entries(CommandType).find(([, type]) => type === command.type) ?? ['?']
      this.#count(`command ${name}`, 1)
    }
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  /** What never happened and should have. */
  missing(): string[] {
    return WANTED.filter((what) => this.count(what) === 0)
  }

  table(): string {
    const rows = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => [what, String(count)])
    return formatTable([['WHAT', 'TIMES'], ...rows])
  }

  #count(what: string, times: number): void {
    this.#counts.set(what, this.count(what) + times)
  }
}
