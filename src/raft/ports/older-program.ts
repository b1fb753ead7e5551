/**
 * This program is older than what its cluster or its directory holds (docs/operations/upgrade.md): it must end before it
 * applies, installs or writes anything. `message` says what was met and where. Ends with exit 5.
 */
export class OlderProgramError extends Error {
  override readonly name = 'OlderProgramError'
  readonly code = 'TNL_OLDER_PROGRAM'

  constructor(what: string) {
    super(`this program is older than its cluster or its data: ${what}. Upgrade it; nothing was changed`)
  }
}

/** `what` needs the feature level `needed`, and this program has `known`. */
export function olderThan(what: string, needed: number, known: number): OlderProgramError {
  return new OlderProgramError(`${what} needs feature level ${needed}, and this program knows ${known}`)
}
