/** Server-sent events by `fetch`, because an `EventSource` of a browser sends no token but in its address. */
import { tokenHeaders } from './token.js'

/** The node does not say this to whoever looks. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Resolves when the stream ends; rejects with Refused, or where it broke off. */
export async function readStream(
  path: string,
  signal: AbortSignal,
  on: (event: string, data: string) => void,
): Promise<void> {
  const response = await fetch(path, { headers: tokenHeaders(), signal, cache: 'no-store' })
  if (response.status === 401 || response.status === 403) throw new Refused(await whyRefused(response))
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${response.statusText}`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const lines = part.split('\n')
      const field = (name: string): string =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      if (field('event') !== '') on(field('event'), field('data'))
    }
  }
}

async function whyRefused(response: Response): Promise<string> {
  const body: unknown = await response.json()
  return messageOf(body) ?? response.statusText
}

/** `{ error: { message } }`, as the node says what is wrong. */
export function messageOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('error' in body)) return null
  const { error } = body
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : null
}
