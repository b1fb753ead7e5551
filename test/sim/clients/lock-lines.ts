import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import type { ClientConnection } from '../network/client-connection.js'
import type { World } from '../world.js'
import type { ClientWorld } from './client.js'
import type { Request, Session } from './session-request.js'

/**
 * What a session client asks for, as a part of its `lock` line. It uses only what `welcome` has said that the cluster can do: a
 * node that does not know a field would leave it out, unasked.
 */
export function lockFields(deps: ClientWorld, name: string, session: Session | null): string {
  const { random } = deps.world
  const wait = random.pick(['', 'wait:1.5,', 'wait:forever,'])
  const delay = random.chance(0.2) ? ',delay:1' : ''
  return `${wait}name:${name}${delay}${meta(deps)}${(session?.level ?? 0) > FEATURE_LEVEL ? note(deps) : ''}`
}

/** Metadata of some length; nothing where the seed has none. */
function meta({ world, metaBytes }: ClientWorld): string {
  if (metaBytes === 0 || world.random.chance(0.3)) return ''
  return `,meta:${'m'.repeat(1 + world.random.int(metaBytes))}`
}

/** A field of the next feature level; nothing where no node has it. */
export function note({ world, notes }: ClientWorld): string {
  return notes && world.random.chance(0.3) ? ',note:new' : ''
}

/** What was refused as busy is nowhere: sent again it would be a new request. */
export const isRepeatable = ({ answer }: Request): boolean => answer?.includes('code:busy') !== true

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
