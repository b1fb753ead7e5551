import type { Parcel } from './memory-tcp.js'

/** The first bytes of the list, at most so many, as one piece of their own. What is left stays in the list. */
export function takeBytes(list: Parcel[], most: number): Buffer {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for (let [piece] = list; piece !== undefined && typeof piece !== 'string' && bytes < most; [piece] = list) {
    const taken = piece.subarray(0, most - bytes)
    if (taken.length === piece.length) list.shift()
    else list[0] = piece.subarray(taken.length)
    pieces.push(taken)
    bytes += taken.length
  }
  return Buffer.concat(pieces, bytes)
}

/** An error as Node makes it of an error of the system. */
export const systemError = (code: string): Error => Object.assign(new Error(code), { code })
