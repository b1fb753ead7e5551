/** Watches the grants of all clients of one bench: nobody may get a lock before its last holder asked to release it. */
export class ExclusionCheck {
  readonly #holders = new Map<string, number>()
  readonly #lastTokens = new Map<string, number>()
  readonly #violations: string[] = []

  get violations(): readonly string[] {
    return this.#violations
  }

  granted(name: string, client: number, token: number): void {
    const holder = this.#holders.get(name)
    const lastToken = this.#lastTokens.get(name) ?? 0
    if (holder !== undefined) this.#violations.push(`${name}: granted to client ${client} while ${holder} held it`)
    if (token <= lastToken) this.#violations.push(`${name}: token ${token} after ${lastToken}`)
    this.#holders.set(name, client)
    this.#lastTokens.set(name, token)
  }

  /** The client is about to release: from now on others may be granted the lock. */
  releasing(name: string): void {
    this.#holders.delete(name)
  }
}
