/** How bare clients connect: as programs do, plainly or over TLS, by the variables that `--tls` sets. */

import { credentialsOf } from '../../../src/client/security/credential-options.js'
import type { Credentials } from '../../../src/client/security/credentials.js'
import { type Connect, openSocket } from '../../../src/client/transport/link-socket.js'

let credentials: Credentials | null = null

export const connectAsAsked: Connect = (address, opening) => {
  // The variables are there before the first client, and not before this file is read.
  credentials ??= credentialsOf({ tls: {} }, process.env)
  return openSocket(address, credentials.material, opening)
}
