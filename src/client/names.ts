/** What names and metadata may look like (docs/protocol.md). A node would refuse them, again and again. */
import { CLIENT_ID_MAX_CHARS, LOCK_NAME_MAX_CHARS, METADATA_MAX_BYTES } from '../protocol/limits.js'
import { isClientId, isLockName } from '../protocol/values.js'
import { InvalidOptionError } from './errors.js'

/** Throws InvalidOptionError. */
export function assertLockName(name: string): void {
  if (isLockName(name)) return
  if (name.length > LOCK_NAME_MAX_CHARS) {
    throw new InvalidOptionError(`the lock name '${name.slice(0, 40)}…' is longer than ${LOCK_NAME_MAX_CHARS} bytes`)
  }
  throw new InvalidOptionError(`'${name}' is not a lock name (letters, digits, _ - . /)`)
}

/** A done-mark is written like the name of a lock: `tnl-do --once KEY` locks KEY. Throws InvalidOptionError. */
export function assertOnceKey(key: string): void {
  if (!isLockName(key)) {
    throw new InvalidOptionError(`once: '${key.slice(0, 40)}' is not a key (letters, digits, _ - . /)`)
  }
}

/** Throws InvalidOptionError. */
export function assertClientId(clientId: string): void {
  if (isClientId(clientId)) return
  if (clientId.length > CLIENT_ID_MAX_CHARS) {
    throw new InvalidOptionError(`the client id is longer than ${CLIENT_ID_MAX_CHARS} bytes`)
  }
  throw new InvalidOptionError(`'${clientId}' is not a client id (letters, digits, . @ _ -)`)
}

/** Throws InvalidOptionError. */
export function assertMetadata(metadata: string): void {
  if (/\p{Cc}/u.test(metadata.replace(/[\r\n]/g, ''))) {
    throw new InvalidOptionError('metadata must not hold control characters')
  }
  if (Buffer.byteLength(metadata) > METADATA_MAX_BYTES) {
    throw new InvalidOptionError(`metadata is longer than ${METADATA_MAX_BYTES} bytes`)
  }
}
