/**
 * Where nothing is done to a cluster but that programs are swapped, no client of the session dialect sees an error: that is what a
 * rolling upgrade promises. (A classic client loses its lock with its node, and a run with other faults promises less.)
 */
import type { Finding, HistoryEvent } from '../types.js'
import { faultSpans } from './availability.js'
import { type Hold, type Operation, readHistory, textOf } from './operations.js'

const SWAPS: ReadonlySet<string> = new Set(['swap-program', 'swap-program-rolling'])
const SESSION_CLIENTS: ReadonlySet<string | null> = new Set(['session', 'plain'])
const LOSSES: ReadonlySet<string | null> = new Set(['lost', 'deadline', 'disconnected'])
/** The time that the client itself wanted to wait was over, by its own clock: no error, and it knows nothing else. */
const OWN_TIMEOUT = /^NotGrantedError/

export function checkSwappedPrograms(history: readonly HistoryEvent[]): Finding[] {
  const faults = faultSpans(history)
  if (faults.length === 0 || faults.some(({ fault }) => !SWAPS.has(fault))) return []
  const { operations, holds } = readHistory(history)
  const isOfSession = ({ invoke }: Operation) => SESSION_CLIENTS.has(textOf(invoke, 'client'))
  const sessionHolds = holds.filter(({ acquire }) => isOfSession(acquire))
  return [
    ...operations.filter((each) => each.f === 'acquire' && isOfSession(each)).flatMap(askedInVain),
    ...sessionHolds.flatMap(lost),
  ]
}

function askedInVain({ name, invoke, completion, outcome }: Operation): Finding[] {
  const reason = textOf(completion, 'reason') ?? ''
  if (completion === null || outcome !== 'info' || OWN_TIMEOUT.test(reason)) return []
  return [finding(`${name}: whoever asked for it was told "${reason}"`, [invoke, completion])]
}

function lost({ name, token, granted, release, endNote }: Hold): Finding[] {
  const why = textOf(endNote, 'why')
  if (endNote !== null && LOSSES.has(why)) return [finding(`${name}: was lost (${why})`, [granted, endNote])]
  if (release === null || release.completion === null || release.outcome === 'ok') return []
  const reason = textOf(release.completion, 'reason')
  return [finding(`${name}: token ${token} was not given back: "${reason}"`, [granted, release.completion])]
}

const finding = (what: string, events: readonly HistoryEvent[]): Finding => ({ check: 'session-error', what, events })
