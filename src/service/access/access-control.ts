/** The policy in force. It is replaced while the node runs: whoever has to look at living sessions again is told. */
import type { Policy } from './policy.js'

export class AccessControl {
  #policy: Policy
  readonly #listeners = new Set<() => void>()

  constructor(policy: Policy) {
    this.#policy = policy
  }

  get policy(): Policy {
    return this.#policy
  }

  replace(policy: Policy): void {
    this.#policy = policy
    for (const listener of this.#listeners) listener()
  }

  /** Called after each change. What it returns ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
