/** Whether this process traces what it does, and with what: asked at every call, because a tracer may be registered at any time. */
import type { Spans } from './spans.js'

/** Where copies of the API, of whatever minor version, meet in one process. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1')

let loading: Promise<Spans | null> | null = null

/**
 * Null while nobody in this process has registered a tracer: then nothing is loaded, and a call costs this look. Afterwards what
 * makes spans, or null if the API is not to be found from here.
 */
export function tracing(): Promise<Spans | null> | null {
  const registry = (globalThis as { readonly [REGISTRY]?: { readonly trace?: unknown } })[REGISTRY]
  if (registry?.trace === undefined) return null
  loading ??= import('@opentelemetry/api').then(
    async (api) => new (await import('./spans.js')).Spans(api),
    () => null,
  )
  return loading
}
