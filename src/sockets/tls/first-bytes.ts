/** Tells a TLS handshake from what else comes at a port. */

const HANDSHAKE_RECORD = 0x16
const MAJOR_VERSION = 3

/**
 * `client`: one byte decides, because no line begins with it. `peer`: a frame may begin with any length (frame.ts), so three are
 * looked at: as a length they would be more than a stranger may send.
 */
export type FirstBytes = 'client' | 'peer'

export function looksLikeTls(bytes: Buffer, which: FirstBytes): boolean | 'incomplete' {
  if (bytes[0] !== HANDSHAKE_RECORD) return false
  if (which === 'client') return true
  if (bytes.length < 3) return bytes.length < 2 || bytes[1] === MAJOR_VERSION ? 'incomplete' : false
  return bytes[1] === MAJOR_VERSION && bytes[2] !== 0
}
