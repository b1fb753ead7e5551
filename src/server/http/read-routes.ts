/**
 * What anybody may read of the locks, as JSON: what the session dialect's reads say, under `/v1`. Linearizable, and 503 without
 * a quorum; with `?stale=yes` what this node has applied, whatever the others have.
 */
import type { ListedHold } from '../../locks/views/listing.js'
import { isLockName, isNamePrefix, parseInteger } from '../../protocol/values.js'
import type { ClientReads } from '../../service/reads/client-reads.js'
import type { ListingOrder } from '../../service/reads/listings.js'
import { compilePattern } from '../../service/reads/pattern.js'
import { formatListingPlace, type ListingPlace, parseListingPlace } from '../../service/reads/positions.js'
import * as reports from '../../service/reads/report-json.js'
import { HTTP_LISTINGS_MAX_COUNT, HTTP_LOCKS_MAX, HTTP_LOCKS_MAX_CHARS, HTTP_SEARCH_MAX_CHARS } from '../limits.js'
import { type Answer, failure, json, jsonText } from './answers.js'
import type { Asker } from './http-access.js'

export interface ReadSources {
  readonly reads: ClientReads
  /** For display. */
  wallNow(): number
  /** Rule 2: whether this node may say that a lock is held. */
  maySpeak(): boolean
}

export type Route = (query: URLSearchParams, sources: ReadSources, asker: Asker) => Answer | Promise<Answer>

/** Reads the request, and gives what is to be done on a state that is current. */
type Reading = (
  query: URLSearchParams,
  name: string,
  asker: Asker,
) => (sources: ReadSources) => Answer | Promise<Answer>

/** The asker may not see what it asks for. */
class NotForAsker extends Error {
  override readonly name = 'NotForAsker'
  constructor(readonly answer: Answer) {
    super('not for this asker')
  }
}

/** Something is wrong with the request. */
class BadQuery extends Error {
  override readonly name = 'BadQuery'
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

const READINGS: Readonly<Record<string, Reading>> = {
  check: (query, _name, asker) => {
    const name = visibleName(query.get('name') ?? '', asker)
    const token = wholeNumber(query, 'token')
    if (token === null) throw new BadQuery('bad-request', 'token: a whole number')
    return ({ reads, maySpeak }) => {
      const valid = reads.reports.isCurrent(name, token)
      return valid && !maySpeak() ? NO_QUORUM : json({ name, token, valid })
    }
  },
  locks: (query, _name, { visible }) => {
    const prefix = query.get('prefix') ?? ''
    if (!isNamePrefix(prefix))
      throw new BadQuery('bad-request', 'prefix: the beginning of lock names, or empty for all')
    const pattern = query.has('match') ? compilePattern(query.get('match') ?? '') : null
    if (pattern !== null && 'why' in pattern) throw new BadQuery(pattern.code, pattern.why)
    const after = query.has('after') ? listingPlace(query.get('after') ?? '') : null
    const wants = filterOf(query)
    const most = Math.min(HTTP_LOCKS_MAX, Math.max(1, wholeNumber(query, 'limit') ?? HTTP_LOCKS_MAX))
    return (sources) =>
      page(sources, { prefix, only: null, pattern, sees: visible, after, most, ...(wants === null ? {} : { wants }) })
  },
  'locks/': (_query, name, asker) =>
    of(visibleName(name, asker), ({ reads, wallNow }, it) =>
      reports.whoJson(reads.reports, it, wallNow(), asker.visible.has),
    ),
  'why/': (query, name, asker) => {
    const session = wholeNumber(query, 'session')
    return of(visibleName(name, asker), ({ reads, wallNow }, it) =>
      reports.whyJson(reads.reports, it, session, wallNow(), asker.visible.has),
    )
  },
  'history/': (_query, name, asker) =>
    of(visibleName(name, asker), ({ reads }, it) => reports.historyJson(reads.reports, it)),
  sessions: (query, _name, { caller, visible: names }) => {
    const after = wholeNumber(query, 'after') ?? 0
    return ({ reads }) => json(reports.sessionsJson(reads.reports, after, { identity: caller.id, names }))
  },
  marks: (query, _name, { visible }) => {
    const after = query.get('after')
    return ({ reads }) => json(reports.marksJson(reads.reports, after, visible))
  },
  freezes: (query, _name, { visible }) => {
    const after = query.get('after')
    return ({ reads }) => json(reports.freezesJson(reads.reports, after, visible))
  },
}

export const NO_QUORUM = failure(
  503,
  'no-quorum',
  'no leader, or no answer in time; ?stale=yes shows what this node knows',
)

/** Null: nothing is read at this path. */
export function readRoute(path: string): Route | null {
  if (!path.startsWith(ROOT)) return null
  const [, key = '', rest = ''] = /^([a-z]+$|[a-z]+\/)(.*)$/.exec(path.slice(ROOT.length)) ?? []
  const reading = Object.hasOwn(READINGS, key) ? READINGS[key] : undefined
  return reading === undefined ? null : (query, sources, asker) => answer(reading, query, decoded(rest), sources, asker)
}

const ROOT = '/v1/'

function answer(
  reading: Reading,
  query: URLSearchParams,
  name: string,
  sources: ReadSources,
  asker: Asker,
): Answer | Promise<Answer> {
  try {
    const perform = reading(query, name, asker)
    return query.get('stale') === 'yes' ? perform(sources) : confirmed(sources, perform)
  } catch (error) {
    if (error instanceof NotForAsker) return error.answer
    if (!(error instanceof BadQuery)) throw error
    return failure(400, error.code, error.message)
  }
}

/** What cannot be decoded is no lock name either. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** Looked at while the state is known to be current, and not a turn later. */
function confirmed(sources: ReadSources, perform: (sources: ReadSources) => Answer | Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    sources.reads.confirmPaced((isCurrent) => {
      try {
        resolve(isCurrent ? perform(sources) : NO_QUORUM)
      } catch (error) {
        reject(error)
      }
    })
  })
}

const of =
  (name: string, show: (sources: ReadSources, name: string) => object) =>
  (sources: ReadSources): Answer =>
    json(show(sources, name))

/** Written as it is listed, so that nothing is long at its end. */
function page(
  { reads, wallNow }: ReadSources,
  what: Omit<ListingOrder, 'line' | 'end' | 'isFull'>,
): Answer | Promise<Answer> {
  if (reads.listings.count >= HTTP_LISTINGS_MAX_COUNT) return failure(503, 'busy', 'too many listings are under way')
  const locks: string[] = []
  let chars = 0
  return new Promise((resolve) => {
    // Each is a reader of its own.
    reads.listings.begin(
      { unsentBytes: 0 },
      {
        ...what,
        line: (held) => {
          const text = JSON.stringify(reports.listedJson(held, wallNow()))
          chars += text.length
          locks.push(text)
        },
        isFull: () => chars >= HTTP_LOCKS_MAX_CHARS,
        end: (_count, last) => {
          const rest = JSON.stringify({
            truncated: last !== null,
            after: last === null ? undefined : formatListingPlace(last),
          })
          resolve(jsonText(`{"locks":[${locks.join(',')}],${rest.slice(1)}`))
        },
      },
    )
  })
}

/** `search`: a part of the name or of the holder, in whatever case; `contended=yes`: somebody waits for it. Null: all lines. */
function filterOf(query: URLSearchParams): ((held: ListedHold) => boolean) | null {
  const search = (query.get('search') ?? '').toLowerCase()
  if (search.length > HTTP_SEARCH_MAX_CHARS) {
    throw new BadQuery('limit', `search: at most ${HTTP_SEARCH_MAX_CHARS} characters`)
  }
  const isContended = query.get('contended') === 'yes'
  if (search === '' && !isContended) return null
  return ({ name, holder, waiters }) =>
    (!isContended || waiters > 0) && (name.toLowerCase().includes(search) || holder.toLowerCase().includes(search))
}

function visibleName(text: string, asker: Asker): string {
  const name = lockName(text)
  const refusal = asker.refusal(name)
  if (refusal !== null) throw new NotForAsker(refusal)
  return name
}

function lockName(text: string): string {
  if (isLockName(text)) return text
  throw new BadQuery('bad-name', 'a lock name is 1 to 255 of A-Z a-z 0-9 _ - . / and does not begin with . or /')
}

function wholeNumber(query: URLSearchParams, key: string): number | null {
  const value = query.get(key)
  if (value === null) return null
  const number = parseInteger(value)
  if (number === null) throw new BadQuery('bad-request', `${key}: a whole number`)
  return number
}

function listingPlace(value: string): ListingPlace {
  const place = parseListingPlace(value)
  if (place === null) throw new BadQuery('bad-request', 'after: NAME@TOKEN of an earlier answer')
  return place
}
