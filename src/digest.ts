import { createHash } from 'node:crypto'

/** SHA-256 of `parts` in a row: a pure function, so that no ring needs `node:crypto` for it. */
export function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
