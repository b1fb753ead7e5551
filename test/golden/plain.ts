/** Values as JSON and back: bytes are `hex:…`, and nothing else is special. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const HEX = 'hex:'

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

/** Without what is undefined. */
export function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return HEX + hexOf(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]))
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value
  throw new Error(`golden files have no place for a ${typeof value}`)
}

export function revived(value: Json): unknown {
  if (typeof value === 'string') return value.startsWith(HEX) ? bytesOf(value.slice(HEX.length)) : value
  if (Array.isArray(value)) return value.map(revived)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, revived(field)]))
  }
  return value
}
