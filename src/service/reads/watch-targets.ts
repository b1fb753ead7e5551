/** Who watches what: by name, and by prefix, so that an event finds its watches without asking each of them. */
import type { LockEvent } from '../../locks/effects.js'

export interface Target {
  /** A name, or a prefix of names. */
  readonly text: string
  readonly isPrefix: boolean
}

export interface Targeted {
  readonly target: Target
}

export class WatchTargets<W extends Targeted> {
  readonly #byName = new Map<string, Set<W>>()
  readonly #byPrefix = new Map<string, Set<W>>()
  /** How many different prefixes of each length are watched. */
  readonly #lengths = new Map<number, number>()

  add(watch: W): void {
    const { text, isPrefix } = watch.target
    const watches = isPrefix ? this.#byPrefix : this.#byName
    const same = watches.get(text)
    if (same !== undefined) same.add(watch)
    else {
      watches.set(text, new Set([watch]))
      if (isPrefix) this.#lengths.set(text.length, (this.#lengths.get(text.length) ?? 0) + 1)
    }
  }

  delete(watch: W): void {
    const { text, isPrefix } = watch.target
    const watches = isPrefix ? this.#byPrefix : this.#byName
    const same = watches.get(text)
    if (same === undefined || !same.delete(watch) || same.size > 0) return
    watches.delete(text)
    if (!isPrefix) return
    const left = (this.#lengths.get(text.length) ?? 1) - 1
    if (left === 0) this.#lengths.delete(text.length)
    else this.#lengths.set(text.length, left)
  }

  /** Whom the event concerns. */
  *of(event: LockEvent): IterableIterator<W> {
    if (isOfPrefix(event)) {
      // Rare, and it concerns names above and below it.
      for (const watches of [this.#byName, this.#byPrefix]) {
        for (const same of watches.values()) {
          for (const watch of same) if (concerns(event, watch.target)) yield watch
        }
      }
      return
    }
    yield* this.#byName.get(event.name) ?? []
    for (const length of this.#lengths.keys()) {
      if (length <= event.name.length) yield* this.#byPrefix.get(event.name.slice(0, length)) ?? []
    }
  }
}

/** Its `name` is a prefix of names. */
export const isOfPrefix = ({ type }: LockEvent): boolean => type === 'frozen' || type === 'thawed'

export function concerns(event: LockEvent, { text, isPrefix }: Target): boolean {
  const { name } = event
  if (isOfPrefix(event)) return text.startsWith(name) || (isPrefix && name.startsWith(text))
  return isPrefix ? name.startsWith(text) : name === text
}
