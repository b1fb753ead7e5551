/** The two peer frames of rule 2: `renew` (epoch, number) and its answer `renewed` (epoch, number, commit index). */
import type { Epoch } from '../../locks/commands/commands.js'
import type { Index } from '../../raft/core/types.js'

export interface Renewal {
  readonly epoch: Epoch
  readonly number: number
}

export interface RenewalAnswer extends Renewal {
  readonly commitIndex: Index
}

export function encodeRenewal({ epoch, number }: Renewal): Uint8Array {
  return encodeNumbers([epoch, number])
}

/** Null for bytes of another shape: a peer of another version is not answered, which is safe. */
export function decodeRenewal(bytes: Uint8Array): Renewal | null {
  const [epoch, number] = decodeNumbers(bytes, 2) ?? []
  return epoch === undefined || number === undefined ? null : { epoch, number }
}

export function encodeRenewalAnswer({ epoch, number, commitIndex }: RenewalAnswer): Uint8Array {
  return encodeNumbers([epoch, number, commitIndex])
}

export function decodeRenewalAnswer(bytes: Uint8Array): RenewalAnswer | null {
  const [epoch, number, commitIndex] = decodeNumbers(bytes, 3) ?? []
  if (epoch === undefined || number === undefined || commitIndex === undefined) return null
  return { epoch, number, commitIndex }
}

function encodeNumbers(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 * numbers.length)
  const view = new DataView(bytes.buffer)
  for (const [at, number] of numbers.entries()) view.setFloat64(8 * at, number)
  return bytes
}

function decodeNumbers(bytes: Uint8Array, count: number): number[] | null {
  if (bytes.length !== 8 * count) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers = Array.from({ length: count }, (_, at) => view.getFloat64(8 * at))
  return numbers.every((number) => Number.isSafeInteger(number) && number >= 0) ? numbers : null
}
