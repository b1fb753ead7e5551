/** The overview, once a second while somebody looks; and what can be told from several of them. */
import { useEffect, useState } from 'preact/hooks'
import type { Overview } from '../overview.js'

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
}

const NOTHING: Feed = { overview: null, points: [], lost: 0, isConnected: false, version: 0 }

function next(before: Feed, overview: Overview): Feed {
  const { happened, status, now } = overview
  const last = before.overview
  const seconds = last === null ? 0 : now - last.now
  // Another process of the node has begun to count anew.
  const isSame = last !== null && seconds > 0 && last.status.uptime <= status.uptime && last.status.node === status.node
  const granted = isSame ? Math.max(0, happened.granted - last.happened.granted) / seconds : 0
  const lost = isSame ? Math.max(0, happened.lost - last.happened.lost) : 0
  const points = isSame ? [...before.points, { granted, waiting: status.waiters }].slice(-POINTS_MAX) : before.points
  const isQuiet = isSame && last.status.applied === status.applied
  return {
    overview,
    points,
    lost: before.lost + lost,
    isConnected: true,
    version: isQuiet ? before.version : before.version + 1,
  }
}

/** Follows the node while the page is visible. */
export function useFeed(): Feed {
  const [feed, setFeed] = useState<Feed>(NOTHING)
  useEffect(() => {
    let source: EventSource | null = null
    let silence = 0
    let retry = 0
    const away = (): void => setFeed((before) => (before.isConnected ? { ...before, isConnected: false } : before))
    const close = (): void => {
      source?.close()
      source = null
      clearTimeout(silence)
      clearTimeout(retry)
    }
    const open = (): void => {
      close()
      if (document.hidden) return
      source = new EventSource(FEED)
      source.addEventListener('overview', ({ data }: MessageEvent<string>) => {
        clearTimeout(silence)
        silence = window.setTimeout(away, SILENCE_MS)
        const overview: Overview = JSON.parse(data)
        setFeed((before) => next(before, overview))
      })
      source.addEventListener('error', () => {
        away()
        // Where the node answered that there are too many streams, a browser does not try again by itself.
        if (source?.readyState === EventSource.CLOSED) retry = window.setTimeout(open, RETRY_MS)
      })
    }
    document.addEventListener('visibilitychange', open)
    open()
    return () => {
      document.removeEventListener('visibilitychange', open)
      close()
    }
  }, [])
  return feed
}
