/** What a client can ask of the cluster without changing anything (docs/protocol.md, Asking). */
import type { Line } from '../../protocol/line.js'
import { isNamePrefix } from '../../protocol/values.js'
import { InvalidOptionError } from '../errors.js'
import { PATTERN_MAX_CHARS } from '../limits.js'
import { assertLockName } from '../names.js'
import { type ListedLock, type LockInfo, readListedLock, readLockInfo } from './lock-info.js'
import type { Question, ReadingSessions } from './reading-sessions.js'

/** Which locks are meant; all unless one of these is given. */
export interface LockFilter {
  /** Names that begin with it. */
  readonly prefix?: string
  /** A regular expression for the whole name, in RE2's syntax: `jobs/.*`. */
  readonly match?: string
  /** Gives up: the iteration ends with the signal's reason. */
  readonly signal?: AbortSignal
}

interface Page {
  readonly locks: readonly ListedLock[]
  /** Behind what there may be more. */
  readonly after: string | undefined
}

/** Page after page; what is there all the time appears exactly once. */
export async function* listLocks(sessions: ReadingSessions, filter: LockFilter): AsyncGenerator<ListedLock, void> {
  const { prefix, match, signal } = filter
  if (prefix !== undefined) assertPrefix(prefix)
  if (match !== undefined) assertPattern(match)
  for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page: Page = await sessions.ask(pageBehind(after, prefix || undefined, match), signal)
    yield* page.locks
    after = page.after
  }
}

function pageBehind(after: string | undefined, prefix: string | undefined, match: string | undefined): Question<Page> {
  let locks: ListedLock[] = []
  return {
    action: 'locks',
    fields: () => {
      locks = []
      return { prefix, match, after }
    },
    take: (line: Line): Page | undefined => {
      if (line.action === 'lock') locks.push(readListedLock(line))
      return line.action === 'end' ? { locks, after: line.get('after') } : undefined
    },
  }
}

export function askWho(sessions: ReadingSessions, name: string): Promise<LockInfo> {
  assertLockName(name)
  return sessions.ask({
    action: 'who',
    fields: () => ({ name }),
    take: (line) => (line.action === 'info' ? readLockInfo(line.json) : undefined),
  })
}

/** Whether a hold of this name with this token is current, at some moment after the call. */
export function checkToken(sessions: ReadingSessions, name: string, token: number): Promise<boolean> {
  assertLockName(name)
  if (!Number.isSafeInteger(token) || token < 0) throw new InvalidOptionError(`token: ${token} is not a token`)
  return sessions.ask({
    action: 'check',
    fields: () => ({ name, token }),
    take: ({ action }) => (action === 'valid' || action === 'stale' ? action === 'valid' : undefined),
  })
}

/** Only what would not even get through as a line: whether it is a regular expression, a node says. */
function assertPattern(match: string): void {
  if (match.length > PATTERN_MAX_CHARS) {
    throw new InvalidOptionError(`match: longer than ${PATTERN_MAX_CHARS} characters`)
  }
  if (/\p{Cc}/u.test(match)) throw new InvalidOptionError('match must not hold control characters')
}

/** Throws InvalidOptionError. */
export function assertPrefix(prefix: string): void {
  if (!isNamePrefix(prefix)) {
    throw new InvalidOptionError(`prefix: '${prefix.slice(0, 40)}' is not the beginning of a lock name`)
  }
}
