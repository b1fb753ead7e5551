import { OlderProgramError } from '../ports/older-program.js'
import { SnapshotRejected } from '../ports/store.js'
import { storeFailure } from './errors.js'

/**
 * The first failure is the last thing that a store does: after a failed write or sync nobody knows what is on the disk,
 * and trying again would only hide it (mutant M43; rules.md, Storage). Every later call rejects with the same error.
 */
export class FailureLatch {
  readonly #directory: string
  #failure: Error | null = null

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Runs `work`. `doing` says in the error what was being done. */
  async guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure
    try {
      return await work()
    } catch (error) {
      // Nothing was written, and nothing on the disk is in doubt.
      if (error instanceof SnapshotRejected || error instanceof OlderProgramError) throw error
      this.#failure ??= storeFailure(this.#directory, doing, error)
      throw this.#failure
    }
  }
}
