/** Where somebody reads on. In the stream of events: `I.K`, an entry of the log and a place in it, alike on every node. */
import type { Token } from '../../locks/commands/commands.js'
import { isLockName, parseInteger } from '../../protocol/values.js'
import type { Index } from '../../raft/core/types.js'

export interface Position {
  readonly index: Index
  readonly place: number
}

export function isBefore(a: Position, b: Position): boolean {
  return a.index !== b.index ? a.index < b.index : a.place < b.place
}

export const formatPosition = ({ index, place }: Position): string => `${index}.${place}`

export function parsePosition(text: string): Position | null {
  const [indexText = '', placeText = '', ...more] = text.split('.')
  const index = parseInteger(indexText)
  const place = parseInteger(placeText)
  return index === null || place === null || more.length > 0 ? null : { index, place }
}

/** In a listing: behind a hold or tail of a name. `NAME@TOKEN`. */
export interface ListingPlace {
  readonly name: string
  readonly token: Token
}

export const formatListingPlace = ({ name, token }: ListingPlace): string => `${name}@${token}`

export function parseListingPlace(text: string): ListingPlace | null {
  const at = text.lastIndexOf('@')
  const name = text.slice(0, Math.max(0, at))
  const token = parseInteger(text.slice(at + 1))
  return isLockName(name) && token !== null ? { name, token } : null
}
