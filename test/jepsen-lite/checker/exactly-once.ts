import type { Finding, HistoryEvent } from '../types.js'
import { groupBy, type ReadHistory, textOf } from './operations.js'

/** A request has its effect once, however often it is sent: all its answers are the same, and no two requests share a grant. */
export function checkExactlyOnce({ notes }: ReadHistory): Finding[] {
  const answers = notes.filter(({ f }) => f === 'answer')
  const grants = answers.filter((answer) => answer.value.token !== undefined)
  const byRequest = groupBy(answers, (answer) => `${requestOf(answer)} ${answer.value.name}`)
  const byToken = groupBy(grants, ({ workload, value }) => `${workload} ${value.token}`)
  return [
    ...[...byRequest.values()]
      .filter((copies) => new Set(copies.map(answerOf)).size > 1)
      .map((copies) => finding('one request got different answers', firstOfEach(copies, answerOf))),
    ...[...byToken.values()]
      .filter((copies) => new Set(copies.map(requestOf)).size > 1)
      .map((copies) => finding('one grant answered two requests', firstOfEach(copies, requestOf))),
  ]
}

const requestOf = (answer: HistoryEvent): string =>
  JSON.stringify([answer.workload, textOf(answer, 'session'), answer.value.request])

const answerOf = (answer: HistoryEvent): string => `${textOf(answer, 'answer')} ${answer.value.token ?? ''}`

function firstOfEach(copies: readonly HistoryEvent[], key: (answer: HistoryEvent) => string): HistoryEvent[] {
  return [...groupBy(copies, key).values()].flatMap(([first]) => first ?? [])
}

const finding = (what: string, events: readonly HistoryEvent[]): Finding => ({
  check: 'exactly-once',
  what: `${events[0]?.value.name ?? ''}: ${what}`,
  events,
})
