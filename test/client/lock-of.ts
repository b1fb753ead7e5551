import type { Grant, LockSession, LockTerms } from '../../src/client/session/lock-session.js'

/** One exclusive lock. */
export async function lockOf(session: Pick<LockSession, 'ask'>, name: string, terms: LockTerms): Promise<Grant> {
  const [grant] = await session.ask([{ name, amount: 'exclusive' }], terms)
  if (grant === undefined) throw new Error('no grant')
  return grant
}
