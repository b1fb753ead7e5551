/** `hello,version:2[,client-id:C][,lease:S][,linger:S][,from:HOST:PORT][,redirect:no][,auth:T]`: a new session. */
import { CommandType } from '../../../locks/commands/commands.js'
import type { Random } from '../../../platform.js'
import {
  LINGER_MAX_MS,
  PROTOCOL_VERSION,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
  SESSION_SECRET_BYTES,
} from '../../../protocol/limits.js'
import type { Line } from '../../../protocol/line.js'
import { isClientId } from '../../../protocol/values.js'
import { hashSecret, type Opening, type OpeningRequest } from './opening.js'
import { fail, readSecondsMs } from './values.js'

export const hello: OpeningRequest = { action: 'hello', read }

function read(line: Line, random: Random): Opening {
  if (line.get('version') !== String(PROTOCOL_VERSION))
    fail('bad-request', `version:${PROTOCOL_VERSION} is spoken here`)
  const clientId = line.get('client-id')
  if (clientId !== undefined && !isClientId(clientId)) fail('bad-request', 'invalid client id')
  const leaseMs = readSecondsMs(line, 'lease') ?? SESSION_LEASE_DEFAULT_MS
  if (leaseMs < SESSION_LEASE_MIN_MS || leaseMs > SESSION_LEASE_MAX_MS) {
    fail('limit', `lease: from ${SESSION_LEASE_MIN_MS / 1000} to ${SESSION_LEASE_MAX_MS / 1000} seconds`)
  }
  const lingerMs = readSecondsMs(line, 'linger') ?? 0
  if (lingerMs > LINGER_MAX_MS) fail('limit', `linger: at most ${LINGER_MAX_MS / 1000} seconds`)
  const redirect = line.get('redirect') ?? 'yes'
  if (redirect !== 'yes' && redirect !== 'no') fail('bad-request', 'redirect: yes or no')
  const secret = newSecret(random)
  return {
    body: { type: CommandType.open, clientId: clientId ?? '', leaseMs, lingerMs, secretHash: hashSecret(secret) },
    isNew: true,
    secret,
    leaseMs,
    mayRedirect: redirect === 'yes',
    from: line.get('from'),
  }
}

/** 32 hex digits. */
function newSecret(random: Random): string {
  return Array.from(random.bytes(SESSION_SECRET_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
