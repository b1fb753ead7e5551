/** What is answered with `info,id:N,{JSON}`: `who why history` of a name; `sessions marks freezes`, a page at a time. */

import type { Reports } from '../../../locks/views/reports.js'
import type { Line } from '../../../protocol/line.js'
import { neutralJson } from '../../../protocol/replies.js'
import {
  type Eyes,
  freezesJson,
  historyJson,
  marksJson,
  sessionsJson,
  whoJson,
  whyJson,
} from '../../reads/report-json.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { Need } from './needs.js'
import type { SessionRequest } from './request.js'
import { readName, readNumber } from './values.js'

/** Reads the line, and gives what is to be shown of the state to whoever asks. `nowMs`: by the wall clock, for display. */
type Reading = (line: Line) => (reports: Reports, eyes: Eyes, nowMs: number) => object

const OF_NAME: Need = { verb: 'see', of: 'name' }

function info(action: string, needs: Need, reading: Reading): SessionRequest {
  return {
    action,
    needs,
    perform: (session, line, id) => {
      const { caller, connection, context } = session
      const show = reading(line)
      const shown = shownId(id ?? NO_REQUEST)
      session.read(id, () => {
        const eyes = { identity: caller.id, names: context.access.policy.sees(caller) }
        const report = show(context.reads.reports, eyes, context.clock.wallNow())
        connection.say(neutralJson('info', report, { id: shown }))
      })
    },
  }
}

export const who = info('who', OF_NAME, (line) => {
  const name = readName(line)
  return (reports, { names }, nowMs) => whoJson(reports, name, nowMs, names.has)
})

export const why = info('why', OF_NAME, (line) => {
  const name = readName(line)
  const session = line.has('session') ? readNumber(line, 'session', null) : null
  return (reports, { names }, nowMs) => whyJson(reports, name, session, nowMs, names.has)
})

export const history = info('history', OF_NAME, (line) => {
  const name = readName(line)
  return (reports) => historyJson(reports, name)
})

export const sessions = info('sessions', 'sight', (line) => {
  const after = readNumber(line, 'after', 0)
  return (reports, eyes) => sessionsJson(reports, after, eyes)
})

export const marks = info('marks', 'sight', (line) => {
  const after = line.get('after') ?? null
  return (reports, { names }) => marksJson(reports, after, names)
})

export const freezes = info('freezes', 'sight', (line) => {
  const after = line.get('after') ?? null
  return (reports, { names }) => freezesJson(reports, after, names)
})
