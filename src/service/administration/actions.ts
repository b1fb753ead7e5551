/** The lines of administration, each with what of the cluster its asker has to be allowed. */
import type { ClusterVerb } from '../access/verbs.js'

export const ADMIN_ACTIONS: ReadonlyMap<string, ClusterVerb> = new Map([
  ['.members', 'members'],
  ['.member-add', 'members'],
  ['.member-promote', 'members'],
  ['.member-remove', 'members'],
  ['.transfer', 'transfer'],
  ['.upgrade', 'members'],
  ['.upgrade-hold', 'members'],
  ['.upgrade-finish', 'members'],
])
