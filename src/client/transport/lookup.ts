/** Looking up names as the system does it (hosts file, search domains), counted: nothing can call a lookup back. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

let underWay = 0

/** Lookups that have no answer yet. While there is one, Node does not let its process end: 10 s and longer. */
export function lookupsUnderWay(): number {
  return underWay
}

/** For `connect` of node:net. */
export const countedLookup: LookupFunction = (host, options, callback) => {
  underWay += 1
  systemLookup(host, options, (...answer) => {
    underWay -= 1
    callback(...answer)
  })
}

/** All addresses of a name. Rejects when it has none, or nobody can say. */
export function lookupAll(host: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    countedLookup(host, { all: true }, (error, found) => {
      if (error !== null) reject(error)
      else resolve((found as LookupAddress[]).map(({ address }) => address))
    })
  })
}
