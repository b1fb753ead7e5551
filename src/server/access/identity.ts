/** Names of identities in an auth file. */
import { IDENTITY_MAX_CHARS } from '../limits.js'

const IDENTITY = /^[A-Za-z0-9_.@-]+$/
/** Has a section of its own. */
const RESERVED = 'anonymous'

export function isIdentity(text: string): boolean {
  return IDENTITY.test(text) && text.length <= IDENTITY_MAX_CHARS && text !== RESERVED
}

export const NO_IDENTITY_TEXT = `an identity is 1 to ${IDENTITY_MAX_CHARS} of A-Z a-z 0-9 _ . @ -, and not "${RESERVED}"`
