import type { Message } from '../core/messages.js'
import { encodedBytes } from '../wire/raft-codec.js'

/**
 * The messages of a turn for one peer, in their order, in bundles for one frame each. A bundle exceeds `frameBytes`
 * only by a single message that does. A follower that comes back late is sent a window of 8 MiB at once: eight appends of
 * 1 MiB become five frames, so that neither side has all of it in one piece.
 */
export function bundles(messages: readonly Message[], frameBytes: number): (readonly Message[])[] {
  const all: (readonly Message[])[] = []
  let start = 0
  let bytes = 0
  messages.forEach((message, i) => {
    const size = encodedBytes(message)
    if (i > start && bytes + size > frameBytes) {
      all.push(messages.slice(start, i))
      start = i
      bytes = 0
    }
    bytes += size
  })
  if (start < messages.length) all.push(start === 0 ? messages : messages.slice(start))
  return all
}
