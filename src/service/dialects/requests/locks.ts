/** `locks,id:N[,prefix:P][,match:RE][,after:NAME@TOKEN]`: who has what, a page at a time. */
import type { Line } from '../../../protocol/line.js'
import { neutral } from '../../../protocol/replies.js'
import { LISTING_PAGE_LINES } from '../../limits.js'
import { lockLine } from '../../reads/lock-line.js'
import { compilePattern, type Pattern } from '../../reads/pattern.js'
import { formatListingPlace, type ListingPlace, parseListingPlace } from '../../reads/positions.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { fail, readPrefix } from './values.js'

export const locks: SessionRequest = {
  action: 'locks',
  needs: 'sight',
  perform: (session, line, id) => {
    const { caller, connection, context } = session
    const shown = shownId(id ?? NO_REQUEST)
    const prefix = readPrefix(line, '')
    const pattern = readPattern(line)
    const after = readAfter(line)
    session.read(id, () => {
      const done = session.goesOn()
      context.reads.listings.begin(connection, {
        prefix,
        only: null,
        pattern,
        sees: context.access.policy.sees(caller),
        after,
        most: LISTING_PAGE_LINES,
        line: (held) => connection.say(lockLine(shown, held, context.clock.wallNow())),
        end: (count, last) => {
          connection.say(
            neutral('end', { id: shown, count, after: last === null ? undefined : formatListingPlace(last) }),
          )
          done()
        },
      })
    })
  },
}

function readPattern(line: Line): Pattern | null {
  const text = line.get('match')
  if (text === undefined) return null
  const pattern = compilePattern(text)
  return 'why' in pattern ? fail(pattern.code, pattern.why) : pattern
}

function readAfter(line: Line): ListingPlace | null {
  const text = line.get('after')
  if (text === undefined) return null
  return parseListingPlace(text) ?? fail('bad-request', 'after: NAME@TOKEN of an earlier end')
}
