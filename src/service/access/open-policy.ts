/** Without an auth file: everybody who reaches a port may lock and see, and whoever is on this machine administers. */
import { type Caller, nobody } from './caller.js'
import { ALL_NAMES, type Policy } from './policy.js'

/** `nowhere` (`--admin off`): a proxy on this machine makes every client look like one of this machine. */
export type AdminFrom = 'nowhere' | 'this machine' | 'anywhere'

export const ADMIN_OFF_TEXT = 'administration is switched off here (--admin off)'

/** `allowShutdown`: whoever is on this machine may end the node. */
export function openPolicy(adminFrom: AdminFrom, allowShutdown: boolean): Policy {
  const refusal = ({ isLocal }: Caller): string | null => {
    if (adminFrom === 'nowhere') return ADMIN_OFF_TEXT
    if (isLocal || adminFrom === 'anywhere') return null
    return 'administration is allowed from this machine only (--allow-admin)'
  }
  return {
    hash: null,
    // Tokens are not looked at: clients may have theirs before the nodes have the file.
    identify: ({ isLocal }) => nobody(isLocal),
    isStill: () => true,
    refusal: (caller, verb) => (verb === 'break' ? refusal(caller) : null),
    refusalUnder: (caller, verb) => (verb === 'break' ? refusal(caller) : null),
    refusalOfCluster: (caller, verb) => {
      if (verb !== 'shutdown') return refusal(caller)
      return allowShutdown && caller.isLocal && adminFrom !== 'nowhere' ? null : 'shutdown not allowed'
    },
    refusalOfSight: () => null,
    refusalOfSession: () => null,
    sees: () => ALL_NAMES,
    refusalOfTerms: () => null,
  }
}
