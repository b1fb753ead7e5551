/**
 * The life of a classic connection, as a table: in which phase which event means what. `classic.ts` looks here before it acts
 * on anything.
 *
 *     fresh ──lock──→ asking ──────────ok──────────→ holding ──release──→ leaving ──ended──→ closed
 *       │                └─no room─→ waiting ──ok──↗ └ waiting ──release──↗
 *       └──check──→ reading ──valid, stale──→ closed
 *
 * From every phase a refusal, the end of the connection, a loss, or this node leads to `closed`.
 */

export type ClassicPhase = 'fresh' | 'reading' | 'asking' | 'waiting' | 'holding' | 'leaving' | 'closed'

interface Reactions {
  /** A line of the client, whole or malformed. */
  readonly line: 'first' | 'keep' | 'perform' | 'ignore'
  /**
   * The client's FIN. What was asked before it is answered first (rule 5): `note`. A place in a queue is no answer, it is given
   * up, as a lock is: `close`.
   */
  readonly fin: 'note' | 'close'
  /** The answer to `lock`. */
  readonly answer: 'take' | 'ignore'
  /** A snapshot was installed (rule 9). `find-out`: what has become of the request; `compare`: whether the lock is still held. */
  readonly snapshot: 'find-out' | 'compare' | 'ignore'
  /** Where it may lead. */
  readonly next: readonly ClassicPhase[]
}

export const CLASSIC_LIFE: Readonly<Record<ClassicPhase, Reactions>> = {
  fresh: { line: 'first', fin: 'note', answer: 'ignore', snapshot: 'ignore', next: ['reading', 'asking', 'closed'] },
  reading: { line: 'ignore', fin: 'note', answer: 'ignore', snapshot: 'ignore', next: ['closed'] },
  asking: { line: 'keep', fin: 'note', answer: 'take', snapshot: 'find-out', next: ['waiting', 'holding', 'closed'] },
  waiting: {
    line: 'perform',
    fin: 'close',
    answer: 'take',
    snapshot: 'find-out',
    next: ['holding', 'leaving', 'closed'],
  },
  holding: { line: 'perform', fin: 'close', answer: 'ignore', snapshot: 'compare', next: ['leaving', 'closed'] },
  leaving: { line: 'ignore', fin: 'note', answer: 'ignore', snapshot: 'ignore', next: ['closed'] },
  closed: { line: 'ignore', fin: 'note', answer: 'ignore', snapshot: 'ignore', next: [] },
}
