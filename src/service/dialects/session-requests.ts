/** Reads the lines that open a session or ask for a lock. A wrong value ends as a `RequestError`, told to the client. */
import { sha256 } from '../../digest.js'
import {
  type Cancel,
  CommandType,
  type Lock,
  type Open,
  type OpeningHeader,
  type Release,
  type RequestId,
  type Resume,
  type SessionHeader,
} from '../../locks/commands/commands.js'
import { REQUEST_ID_LIMIT, RESUME_ATTEMPT_MAX } from '../../locks/limits.js'
import type { Random } from '../../platform.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import {
  LINGER_MAX_MS,
  LOCK_DELAY_MAX_MS,
  PROTOCOL_VERSION,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
  SESSION_SECRET_BYTES,
} from '../../protocol/limits.js'
import type { Line } from '../../protocol/line.js'
import { isClientId, isLockName, parseInteger, parseSecondsMs, parseWaitMs } from '../../protocol/values.js'
import { FEATURE_LEVEL } from '../limits.js'

/** A lock without its `ttl`, say, would be another lock than the one that was asked for. */
const LOCK_KEYS_TO_COME = ['permits', 'limit', 'holding', 'min-hold', 'ttl', 'loose', 'once', 'once-ttl'] as const

const ACTIONS_TO_COME: ReadonlySet<string> = new Set(
  'check locks watch who why history sessions marks freezes unlock .force-release .resize .freeze .thaw .forget'.split(
    ' ',
  ),
)

export class RequestError extends Error {
  override readonly name = 'RequestError'
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message)
  }
}

/** A `hello` or `resume` line. */
export interface Opening {
  readonly body: Omit<Open, keyof OpeningHeader> | Omit<Resume, keyof OpeningHeader>
  /** What resumes the session; the state keeps only its hash. */
  readonly secret: string
  /** 0 for a resume: the state knows. */
  readonly leaseMs: number
  readonly mayRedirect: boolean
  /** The client's own end of the connection as it sees it, or `unknown`; undefined if it does not say. */
  readonly from: string | undefined
}

export function readOpening(line: Line, random: Random): Opening {
  return line.action === 'hello' ? readHello(line, random) : readResume(line)
}

function readHello(line: Line, random: Random): Opening {
  if (line.get('version') !== String(PROTOCOL_VERSION))
    fail('bad-request', `version:${PROTOCOL_VERSION} is spoken here`)
  refuseUnsupported(line, ['auth'])
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
  const secretHash = hashSecret(secret)
  const body = { type: CommandType.open, clientId: clientId ?? '', leaseMs, lingerMs, secretHash }
  return { body, secret, leaseMs, mayRedirect: redirect === 'yes', from: line.get('from') }
}

function readResume(line: Line): Opening {
  const session = parseInteger(line.get('session') ?? '')
  const secret = line.get('secret') ?? ''
  if (session === null || secret === '') return fail('bad-request', 'resume needs session and secret')
  const body = { type: CommandType.resume, session, secretHash: hashSecret(secret), attempt: readAttempt(line) }
  return { body, secret, leaseMs: 0, mayRedirect: false, from: line.get('from') }
}

/** 0: the client does not count. */
function readAttempt(line: Line): number {
  if (!line.has('attempt')) return 0
  const attempt = readNumber(line, 'attempt', null)
  if (attempt < 1 || attempt > RESUME_ATTEMPT_MAX) fail('bad-request', `attempt: from 1 to ${RESUME_ATTEMPT_MAX}`)
  return attempt
}

/** A request as its line says it; who asks, and under which number, is added by the connection. */
export type RequestBody =
  | Omit<Lock, keyof SessionHeader | 'request'>
  | Omit<Release, keyof SessionHeader | 'request'>
  | Omit<Cancel, keyof SessionHeader | 'request'>

/** Null if the action is no request for the state machine. */
export function readRequest(line: Line, wallMs: number): RequestBody | null {
  switch (line.action) {
    case 'lock':
      return readLock(line, wallMs)
    case 'release':
      refuseUnsupported(line, ['done'])
      return { type: CommandType.release, name: readName(line), token: readNumber(line, 'token', 0) }
    case 'cancel':
      return { type: CommandType.cancel, target: readRequestId(line, 'request') }
    default:
      return null
  }
}

function readLock(line: Line, wallMs: number): RequestBody {
  refuseUnsupported(line, LOCK_KEYS_TO_COME)
  if (line.get('mode') === 'shared') failUnsupported('mode:shared')
  if ((line.get('mode') ?? 'exclusive') !== 'exclusive') fail('bad-request', 'mode: exclusive or shared')
  if (line.all('name').length > 1) failUnsupported('more than one name')
  const name = readName(line)
  const waitMs = parseWaitMs(line.get('wait'))
  if (waitMs === null) return fail('bad-request', 'wait: seconds or forever')
  if (waitMs === Number.POSITIVE_INFINITY) fail('limit', 'wait is too long: use wait:forever')
  const delayMs = readSecondsMs(line, 'delay') ?? 0
  if (delayMs > LOCK_DELAY_MAX_MS) fail('limit', `delay: at most ${LOCK_DELAY_MAX_MS / 1000} seconds`)
  return { type: CommandType.lock, name, waitMs, meta: line.get('meta') ?? '', delayMs, wallMs }
}

function readName(line: Line): string {
  const name = line.get('name') ?? ''
  if (!isLockName(name))
    fail('bad-name', 'a lock name is 1 to 255 of A-Z a-z 0-9 _ - . / and does not begin with . or /')
  return name
}

/** A token, or another whole number; `otherwise` when the key is absent. */
export function readNumber(line: Line, key: string, otherwise: number | null): number {
  const text = line.get(key)
  const value = text === undefined ? otherwise : parseInteger(text)
  if (value === null) return fail('bad-request', `${key}: a whole number`)
  return value
}

/** `id:N`, or null when the line has none. */
export function readId(line: Line): RequestId | null {
  return line.has('id') ? readRequestId(line, 'id') : null
}

function readRequestId(line: Line, key: string): RequestId {
  const id = readNumber(line, key, null)
  if (id >= REQUEST_ID_LIMIT) fail('bad-request', `${key} is too large`)
  return id
}

function refuseUnsupported(line: Line, keys: readonly string[]): void {
  for (const key of keys) if (line.has(key)) failUnsupported(key)
}

export function refuseActionToCome(action: string): void {
  if (ACTIONS_TO_COME.has(action)) failUnsupported(action)
}

/** Requests that come with a later level: an error, never silently ignored. */
function failUnsupported(what: string): never {
  return fail('unsupported', `${what} needs a feature level above ${FEATURE_LEVEL}`)
}

/** 32 hex digits. */
function newSecret(random: Random): string {
  return Array.from(random.bytes(SESSION_SECRET_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The state keeps no secrets, only this. 16 bytes, hex. */
function hashSecret(secret: string): string {
  return sha256(secret).toString('hex').slice(0, 32)
}

function readSecondsMs(line: Line, key: string): number | null {
  const text = line.get(key)
  if (text === undefined) return null
  const ms = parseSecondsMs(text)
  return ms === null ? fail('bad-request', `${key}: seconds`) : ms
}

function fail(code: ErrorCode, message: string): never {
  throw new RequestError(code, message)
}
