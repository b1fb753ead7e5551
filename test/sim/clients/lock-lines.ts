import type { ClientWorld } from './client.js'
import type { Request } from './session-request.js'

/** Metadata of some length, as a part of a `lock` line; nothing where the seed has none. */
export function meta({ world, metaBytes }: ClientWorld): string {
  if (metaBytes === 0 || world.random.chance(0.3)) return ''
  return `,meta:${'m'.repeat(1 + world.random.int(metaBytes))}`
}

/** What was refused as busy is nowhere: sent again it would be a new request. */
export const isRepeatable = ({ answer }: Request): boolean => answer?.includes('code:busy') !== true
