/** The overview, once a second while somebody looks; and what can be told from several of them. */
import { useEffect, useState } from 'preact/hooks'
import type { Overview } from '../overview.js'
import { Refused, readStream } from './stream.js'

const FEED = '/dashboard/feed'
/** No news for so long: the node is gone, or the network. */
const SILENCE_MS = 5_000
const RETRY_MS = 2_000
/** Two minutes, at one a second. */
const POINTS_MAX = 120

/** Of the second before an overview. */
export interface Point {
  readonly granted: number
  readonly waiting: number
}

export interface Feed {
  readonly overview: Overview | null
  readonly points: readonly Point[]
  /** Of the cluster since this page was opened. */
  readonly lost: number
  readonly isConnected: boolean
  /** Another number whenever something has happened to any lock. */
  readonly version: number
  /** Why the node says nothing to whoever looks; null: it does. */
  readonly refusal: string | null
}

const NOTHING: Feed = { overview: null, points: [], lost: 0, isConnected: false, version: 0, refusal: null }

function next(before: Feed, overview: Overview): Feed {
  const { happened, status, now } = overview
  const last = before.overview
  const seconds = last === null ? 0 : now - last.now
  // Another process of the node has begun to count anew.
  const isSame = last !== null && seconds > 0 && last.status.uptime <= status.uptime && last.status.node === status.node
  const since = (type: 'granted' | 'lost'): number =>
    isSame ? Math.max(0, (happened?.[type] ?? 0) - (last.happened?.[type] ?? 0)) : 0
  const granted = isSame ? since('granted') / seconds : 0
  const lost = since('lost')
  const points = isSame
    ? [...before.points, { granted, waiting: status.waiters ?? 0 }].slice(-POINTS_MAX)
    : before.points
  const isQuiet = isSame && last.status.applied === status.applied
  return {
    overview,
    points,
    lost: before.lost + lost,
    isConnected: true,
    version: isQuiet ? before.version : before.version + 1,
    refusal: null,
  }
}

/** Follows the node while the page is visible. `attempt`: begin anew, perhaps as somebody else. */
export function useFeed(attempt: number): Feed {
  const [feed, setFeed] = useState<Feed>(NOTHING)
  useEffect(() => {
    // Whoever looks now may see less than whoever looked before.
    setFeed(NOTHING)
    let controller: AbortController | null = null
    let silence = 0
    let retry = 0
    const away = (): void => setFeed((before) => (before.isConnected ? { ...before, isConnected: false } : before))
    const close = (): void => {
      controller?.abort()
      controller = null
      clearTimeout(silence)
      clearTimeout(retry)
    }
    const open = (): void => {
      close()
      if (document.hidden) return
      const own = new AbortController()
      controller = own
      const ended = (error?: unknown): void => {
        if (own.signal.aborted) return
        if (error instanceof Refused) setFeed({ ...NOTHING, refusal: error.message })
        else {
          away()
          retry = window.setTimeout(open, RETRY_MS)
        }
      }
      readStream(FEED, own.signal, (event, data) => {
        if (event !== 'overview' || own.signal.aborted) return
        clearTimeout(silence)
        silence = window.setTimeout(away, SILENCE_MS)
        const overview: Overview = JSON.parse(data)
        setFeed((before) => next(before, overview))
      }).then(() => ended(), ended)
    }
    document.addEventListener('visibilitychange', open)
    open()
    return () => {
      document.removeEventListener('visibilitychange', open)
      close()
    }
  }, [attempt])
  return feed
}
