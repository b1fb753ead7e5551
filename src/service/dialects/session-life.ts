/**
 * The life of a session's connection, as a table: in which phase which event means what. `session.ts` looks here before it
 * acts on anything, so that no event is forgotten in a phase and none is judged in two places.
 *
 *     hello ──→ opening ──welcome──→ open ──bye, FIN──→ parting ──all decided──→ leaving ──ended──→ closed
 *     resume ─→ resuming ──ready───↗                (bye only; after a FIN it is closed)
 *
 * From every phase a broken connection, silence, or this node leads to `closed`. What the end of the connection then means for
 * the session depends on `told` and on who ended it: `sessions/parting.ts`.
 */
import type { Told } from '../sessions/parting.js'

export type SessionPhase = 'fresh' | 'opening' | 'resuming' | 'open' | 'parting' | 'leaving' | 'closed'

interface Reactions {
  /** A line of the client, whole or malformed. `too-early`: nothing may follow `hello` before it is answered. */
  readonly line: 'first' | 'too-early' | 'keep' | 'perform' | 'ignore'
  /** The client's FIN. `note`: what was sent before it is still to be carried out. */
  readonly fin: 'close' | 'note' | 'part' | 'ignore'
  /** What the client has been told of its session. */
  readonly told: Told
  /** Answers and news of applied state. `neutral`: once the end is proposed nothing positive is written (rule 5). */
  readonly answers: 'all' | 'neutral' | 'none'
  /** What was to be decided is not, within the request timeout. */
  readonly timeout: 'close' | 'ignore'
  /** Where it may lead. */
  readonly next: readonly SessionPhase[]
}

export const SESSION_LIFE: Readonly<Record<SessionPhase, Reactions>> = {
  fresh: {
    line: 'first',
    fin: 'close',
    told: 'nothing',
    answers: 'none',
    timeout: 'close',
    next: ['opening', 'resuming', 'closed'],
  },
  opening: {
    line: 'too-early',
    fin: 'close',
    told: 'nothing',
    answers: 'none',
    timeout: 'close',
    next: ['open', 'closed'],
  },
  resuming: {
    line: 'keep',
    fin: 'note',
    told: 'not-ready',
    answers: 'none',
    timeout: 'close',
    next: ['open', 'closed'],
  },
  open: {
    line: 'perform',
    fin: 'part',
    told: 'all',
    answers: 'all',
    timeout: 'ignore',
    next: ['parting', 'closed'],
  },
  parting: {
    line: 'ignore',
    fin: 'ignore',
    told: 'all',
    answers: 'all',
    timeout: 'close',
    next: ['leaving', 'closed'],
  },
  leaving: {
    line: 'ignore',
    fin: 'ignore',
    told: 'all',
    answers: 'neutral',
    timeout: 'close',
    next: ['closed'],
  },
  closed: {
    line: 'ignore',
    fin: 'ignore',
    told: 'all',
    answers: 'none',
    timeout: 'ignore',
    next: [],
  },
}
