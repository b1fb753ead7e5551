import type { ClientConnection } from '../network/client-connection.js'
import type { World } from '../world.js'
import type { ClientWorld } from './client.js'
import type { Request } from './session-request.js'

/** Metadata of some length; nothing where the seed has none. */
export function meta({ world, metaBytes }: ClientWorld): string {
  if (metaBytes === 0 || world.random.chance(0.3)) return ''
  return `,meta:${'m'.repeat(1 + world.random.int(metaBytes))}`
}

/** A field of the next feature level; nothing where no node has it. */
export function note({ world, notes }: ClientWorld): string {
  return notes && world.random.chance(0.3) ? ',note:new' : ''
}

/** What was refused as busy is nowhere: sent again it would be a new request. */
export const isRepeatable = ({ answer }: Request): boolean =>
  answer?.some((line) => line.includes('code:busy')) !== true

/** A node gets to read a line of a connection that was left: which requests were on it, and were they sent again elsewhere? */
export function countLate(requests: Iterable<Request>, link: ClientConnection, line: string, world: World): void {
  if (line.startsWith('resume')) world.count('seen late resume')
  for (const request of requests) {
    if (request.line !== line || !request.sentOn.includes(link)) continue
    world.count('seen late command')
    if (request.sentOn.at(-1) !== link) world.count('seen late command after it was sent again elsewhere')
  }
}

/** `busy` may speak of one of its lines and not of the others: asked again, it gets the answer of the log. */
export function isOfOneLineOnly(request: Request, line: string): boolean {
  return line.includes('code:busy') && request.sends > 1
}
