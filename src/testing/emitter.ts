type Listener = (argument?: unknown) => void

/** Who listens to what, as with Node's emitters. */
export class Emitter {
  readonly #listeners = new Map<string, Listener[]>()

  on(event: string, listener: (argument: never) => void): this {
    const listeners = this.#listeners.get(event) ?? []
    this.#listeners.set(event, listeners)
    listeners.push(listener as Listener)
    return this
  }

  once(event: string, listener: () => void): this {
    const heard = (): void => {
      const listeners = this.#listeners.get(event) ?? []
      listeners.splice(listeners.indexOf(heard), 1)
      listener()
    }
    return this.on(event, heard)
  }

  protected tell(event: string, argument?: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(argument)
  }
}
