/** What this page asks of its node: by `stale=yes`, for people look at a dashboard most of all when there is no quorum. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from './stream.js'
import { tokenHeaders } from './token.js'

export type Reading<T> =
  | { readonly kind: 'asking' }
  | { readonly kind: 'there'; readonly value: T }
  | { readonly kind: 'failed'; readonly why: string }

async function read<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(`${path}${path.includes('?') ? '&' : '?'}stale=yes`, { signal, headers: tokenHeaders() })
  const body: unknown = await response.json()
  if (!response.ok) throw new Error(messageOf(body) ?? `${response.status} ${response.statusText}`)
  return body as T
}

/**
 * Reads `path` when it changes, and again whenever `version` does, one question at a time: while an answer is on its way
 * further changes are remembered as one. What was read stays until there is something newer.
 */
export function useReading<T>(path: string, version: number): Reading<T> {
  const [shown, show] = useState<{ readonly path: string; readonly reading: Reading<T> }>()
  const asking = useRef<{ readonly path: string; isStale: boolean } | null>(null)
  const controller = useRef<AbortController | null>(null)

  useEffect(() => {
    if (asking.current?.path === path) {
      asking.current.isStale = true
      return
    }
    controller.current?.abort()
    const aborted = new AbortController()
    controller.current = aborted
    const question = { path, isStale: false }
    asking.current = question
    const ask = async (): Promise<void> => {
      do {
        question.isStale = false
        try {
          const value = await read<T>(path, aborted.signal)
          if (!aborted.signal.aborted) show({ path, reading: { kind: 'there', value } })
        } catch (error) {
          if (aborted.signal.aborted) return
          show({ path, reading: { kind: 'failed', why: error instanceof Error ? error.message : String(error) } })
        }
      } while (question.isStale && !aborted.signal.aborted)
      if (asking.current === question) asking.current = null
    }
    void ask()
  }, [path, version])
  useEffect(() => () => controller.current?.abort(), [])

  return shown?.path === path ? shown.reading : { kind: 'asking' }
}
