/** The word of a store, or of a server, that would not run with a directory. */
export interface Refusal {
  readonly kind: string
  readonly message: string
}

/** What a trial found out about the product: the trial ends, and the directory is kept. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

const PLACE = /log\/|synced|snapshots\/|FORMAT/
const REJOIN = /members remove.*wipe this directory.*members add/

/** Throws a Failure unless the refusal is of one of `kinds` and says what a person needs to know. */
export function checkRefusal({ kind, message }: Refusal, kinds: readonly string[], directory: string): void {
  const require = (isRight: boolean, what: string) => {
    if (!isRight) throw new Failure(`${what}: ${kind}: ${message}`)
  }
  require(kinds.includes(kind), `refused, but not as ${kinds.join(' or ')}`)
  require(message.includes(directory), 'the refusal does not name the directory')
  if (kind === 'damaged') {
    require(PLACE.test(message.replaceAll(directory, '')), 'the refusal does not say where the damage is')
    require(REJOIN.test(message), 'the refusal does not say how to rejoin')
  }
  if (kind === 'foreign') require(message.includes('--data-dir'), 'the refusal does not say what to do')
}
