/** What watches tell leads to what is held: whoever has heard all that has happened knows every hold, and no other. */
import type { LockEvent } from '../../../src/locks/effects.js'
import type { LockMachine } from '../../../src/locks/machine.js'
import type { World } from '../world.js'

export class WatchCheck {
  /** Position of the last event that happened anywhere. */
  #last = ''

  constructor(
    private readonly world: World,
    private readonly reference: () => LockMachine | null,
  ) {}

  event({ index, place }: LockEvent): void {
    this.#last = `${index}.${place}`
  }

  /** `at`: the position that this watcher has heard of last; `holds` as NAME@TOKEN. */
  knows(name: string, at: string, prefix: string, holds: ReadonlySet<string>): void {
    const reference = this.reference()
    if (at !== this.#last || reference === null) return
    const expected = [...reference.inspect().locks.values()]
      .filter((lock) => lock.name.startsWith(prefix))
      .flatMap((lock) => [...lock.holds()])
      // One that is to be swept is told as lost when it is.
      .filter(({ phase }) => phase === 'held')
      .map(({ lock, token }) => `${lock.name}@${token}`)
    const known = [...holds].sort().join(' ')
    if (known !== expected.sort().join(' ')) {
      this.world.fail(`${name} at ${at} knows ${known || 'nothing'}, and there is ${expected.join(' ') || 'nothing'}`)
    }
    this.world.count('watch up to date')
  }
}
