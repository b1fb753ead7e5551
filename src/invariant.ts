/** A broken invariant. It stops the node: a stopped node is safe, a wrong one is not. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  readonly code = 'TNL_INVARIANT'
}

/** Asserts in production too. `what` says which rule was broken, in words that an operator can report. */
export function invariant(condition: boolean, what: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof what === 'string' ? what : what())
}

export function unreachable(value: never, what: string): never {
  throw new InvariantViolation(`${what}: unexpected ${String(value)}`)
}
