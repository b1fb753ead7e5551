/** What is answered with `info,id:N,{JSON}`: `who why history` of a name; `sessions marks freezes`, a page at a time. */

import type { Reports } from '../../../locks/views/reports.js'
import type { Line } from '../../../protocol/line.js'
import { neutralJson } from '../../../protocol/replies.js'
import { freezesJson, historyJson, marksJson, sessionsJson, whoJson, whyJson } from '../../reads/report-json.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readName, readNumber } from './values.js'

/** Reads the line, and gives what is to be shown of the state. `nowMs`: by the wall clock, for display. */
type Reading = (line: Line) => (reports: Reports, nowMs: number) => object

function info(action: string, reading: Reading): SessionRequest {
  return {
    action,
    perform: (session, line, id) => {
      const { connection, context } = session
      const show = reading(line)
      const shown = shownId(id ?? NO_REQUEST)
      session.read(id, () => {
        const report = show(context.reads.reports, context.clock.wallNow())
        connection.say(neutralJson('info', report, { id: shown }))
      })
    },
  }
}

export const who = info('who', (line) => {
  const name = readName(line)
  return (reports, nowMs) => whoJson(reports, name, nowMs)
})

export const why = info('why', (line) => {
  const name = readName(line)
  const session = line.has('session') ? readNumber(line, 'session', null) : null
  return (reports, nowMs) => whyJson(reports, name, session, nowMs)
})

export const history = info('history', (line) => {
  const name = readName(line)
  return (reports) => historyJson(reports, name)
})

export const sessions = info('sessions', (line) => {
  const after = readNumber(line, 'after', 0)
  return (reports) => sessionsJson(reports, after)
})

export const marks = info('marks', (line) => {
  const after = line.get('after') ?? null
  return (reports) => marksJson(reports, after)
})

export const freezes = info('freezes', (line) => {
  const after = line.get('after') ?? null
  return (reports) => freezesJson(reports, after)
})
