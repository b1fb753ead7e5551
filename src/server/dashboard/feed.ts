/**
 * Shows the overview to whoever looks at a dashboard: made once a second for all of them, while there is anybody. Who has not
 * taken the last one is left out, and gets the newest as soon as it has: nobody is sent what is old already, and one that reads
 * slowly costs the memory of one overview. One that does not read at all is dropped by its stream.
 */
import type { Clock, Timer } from '../../platform.js'
import type { VisibleNames } from '../../service/access/policy.js'
import type { EventStream } from '../http/event-stream.js'
import { FEED_INTERVAL_MS } from '../limits.js'
import { type Overview, overviewFor } from './overview.js'

export type Viewer = Pick<EventStream, 'unsentBytes' | 'send'>

export class DashboardFeed {
  readonly #viewers = new Map<Viewer, VisibleNames>()
  #timer: Timer | null = null
  #isMaking = false
  #last: Overview | null = null
  /** As text, for all those who see everything. */
  #lastText = ''

  constructor(
    private readonly clock: Clock,
    private readonly make: (done: (overview: Overview) => void) => void,
  ) {}

  get count(): number {
    return this.#viewers.size
  }

  /** What is returned ends it. */
  add(viewer: Viewer, visible: VisibleNames): () => void {
    const isFirst = this.#viewers.size === 0
    this.#viewers.set(viewer, visible)
    if (isFirst) this.#round()
    else if (this.#last !== null) this.#show(viewer, visible, this.#last)
    return () => this.#viewers.delete(viewer)
  }

  stop(): void {
    this.#viewers.clear()
    this.#timer?.cancel()
    this.#timer = null
  }

  #round(): void {
    if (this.#isMaking || this.#timer !== null) return
    this.#isMaking = true
    this.make((overview) => {
      this.#isMaking = false
      this.#last = overview
      this.#lastText = JSON.stringify(overview)
      for (const [viewer, visible] of this.#viewers) {
        if (viewer.unsentBytes === 0) this.#show(viewer, visible, overview)
      }
      this.#later()
    })
  }

  #later(): void {
    if (this.#viewers.size === 0) {
      this.#last = null
      this.#lastText = ''
      return
    }
    this.#timer = this.clock.after(FEED_INTERVAL_MS, () => {
      this.#timer = null
      if (this.#viewers.size > 0) this.#round()
    })
  }

  #show(viewer: Viewer, visible: VisibleNames, overview: Overview): void {
    viewer.send({
      event: 'overview',
      data: visible.isAll ? this.#lastText : JSON.stringify(overviewFor(visible, overview)),
    })
  }
}
