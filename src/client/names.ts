/** What names and metadata may look like (docs/protocol.md). A node would close the connection over them, again and again. */
import { InvalidOptionError } from './errors.js'
import { MAX_METADATA_LINE_BYTES, MAX_NAME_BYTES } from './limits.js'
import { formatLine } from './transport/line-codec.js'

const LOCK_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_./-]*$/
const CLIENT_ID = /^[A-Za-z0-9.@_-]+$/

/** Throws InvalidOptionError. */
export function assertLockName(name: string): void {
  if (!LOCK_NAME.test(name)) throw new InvalidOptionError(`'${name}' is not a lock name (letters, digits, _ - . /)`)
  if (name.length > MAX_NAME_BYTES) {
    throw new InvalidOptionError(`the lock name '${name.slice(0, 40)}…' is longer than ${MAX_NAME_BYTES} bytes`)
  }
}

/** Throws InvalidOptionError. */
export function assertClientId(clientId: string): void {
  if (!CLIENT_ID.test(clientId)) {
    throw new InvalidOptionError(`'${clientId}' is not a client id (letters, digits, . @ _ -)`)
  }
  if (clientId.length > MAX_NAME_BYTES) {
    throw new InvalidOptionError(`the client id is longer than ${MAX_NAME_BYTES} bytes`)
  }
}

/** Throws InvalidOptionError. */
export function assertMetadata(metadata: string): void {
  if (/\p{Cc}/u.test(metadata.replace(/[\r\n]/g, ''))) {
    throw new InvalidOptionError('metadata must not hold control characters')
  }
  if (Buffer.byteLength(formatLine('', { meta: metadata })) > MAX_METADATA_LINE_BYTES) {
    throw new InvalidOptionError(`metadata is longer than ${MAX_METADATA_LINE_BYTES} bytes, escapes included`)
  }
}
