/**
 * Shows the overview to whoever looks at a dashboard: made once a second for all of them, while there is anybody. Who has not
 * taken the last one is left out, and gets the newest as soon as it has: nobody is sent what is old already, and one that reads
 * slowly costs the memory of one overview. One that does not read at all is dropped by its stream.
 */
import type { Clock, Timer } from '../../platform.js'
import type { EventStream } from '../http/event-stream.js'
import { FEED_INTERVAL_MS } from '../limits.js'
import type { Overview } from './overview.js'

export type Viewer = Pick<EventStream, 'unsentBytes' | 'send'>

export class DashboardFeed {
  readonly #viewers = new Set<Viewer>()
  #timer: Timer | null = null
  #isMaking = false
  #last = ''

  constructor(
    private readonly clock: Clock,
    private readonly make: (done: (overview: Overview) => void) => void,
  ) {}

  get count(): number {
    return this.#viewers.size
  }

  /** What is returned ends it. */
  add(viewer: Viewer): () => void {
    const isFirst = this.#viewers.size === 0
    this.#viewers.add(viewer)
    if (isFirst) this.#round()
    else if (this.#last !== '') show(viewer, this.#last)
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
      this.#last = JSON.stringify(overview)
      for (const viewer of this.#viewers) if (viewer.unsentBytes === 0) show(viewer, this.#last)
      this.#later()
    })
  }

  #later(): void {
    if (this.#viewers.size === 0) {
      this.#last = ''
      return
    }
    this.#timer = this.clock.after(FEED_INTERVAL_MS, () => {
      this.#timer = null
      if (this.#viewers.size > 0) this.#round()
    })
  }
}

function show(viewer: Viewer, overview: string): void {
  viewer.send({ event: 'overview', data: overview })
}
