/**
 * W3C trace context in the metadata of a lock: whoever waits for it finds the trace of who holds it. Text that somebody wrote for
 * people or programs is left as it is; where there is none, or a JSON object, which has room for one more key, the trace goes in.
 */
import { METADATA_MAX_BYTES } from '../../protocol/limits.js'

const KEY = 'traceparent'
const ALONE = new RegExp(`^${KEY}=(.*)$`)
/** `version-trace-parent-flags`, as W3C Trace Context level 1 has it. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export function withTrace(metadata: string | undefined, traceparent: string): string | undefined {
  if (metadata === undefined) return `${KEY}=${traceparent}`
  const fields = fieldsOf(metadata)
  if (fields === null || KEY in fields) return metadata
  const joined = JSON.stringify({ ...fields, [KEY]: traceparent })
  return Buffer.byteLength(joined) > METADATA_MAX_BYTES ? metadata : joined
}

export interface SplitMetadata {
  /** What its holder said of it; null if that was nothing. */
  readonly metadata: string | null
  readonly traceparent: string | null
}

export function splitTrace(metadata: string | null): SplitMetadata {
  if (metadata === null) return { metadata, traceparent: null }
  const [, alone] = ALONE.exec(metadata) ?? []
  if (alone !== undefined && TRACEPARENT.test(alone)) return { metadata: null, traceparent: alone }
  const traceparent = fieldsOf(metadata)?.[KEY]
  return {
    metadata,
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null,
  }
}

/** Null: it is no JSON object. */
function fieldsOf(text: string): Readonly<Record<string, unknown>> | null {
  if (!text.startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  }
}
