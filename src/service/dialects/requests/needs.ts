/**
 * What the client that makes a request has to be allowed to do, as data in the request's file: the edge asks before anything is
 * read, proposed or redirected, so that no request can forget it (a test goes through the tables).
 *
 *     export const unlock = { action: 'unlock', needs: { verb: 'lock', of: 'name' }, perform }
 */
import { parseAsk } from '../../../protocol/asks.js'
import type { Line } from '../../../protocol/line.js'
import { isLockName, isNamePrefix } from '../../../protocol/values.js'
import type { Caller } from '../../access/caller.js'
import type { Policy } from '../../access/policy.js'
import type { ClusterVerb, LockVerb } from '../../access/verbs.js'

export type Need =
  /** It is about the asker's own session, or about nothing that is anybody's. */
  | 'nothing'
  /** Whoever may see anything may ask, and is told what it may see of it. */
  | 'sight'
  | { readonly verb: LockVerb; readonly of: Subject }
  | { readonly cluster: ClusterVerb }

/**
 * What of the line says which names the verb is needed for. `asks`: all names of a `lock`, and the key of its done-mark.
 * `prefix`: every name that begins so. `target`: a name, or a prefix.
 */
export type Subject = 'name' | 'asks' | 'key' | 'prefix' | 'target'

export interface AccessNeeds {
  readonly needs: Need
}

/** Why a caller may not. */
export interface Lack {
  /** Names the verb and the name or prefix, and nothing of what there is. */
  readonly text: string
  /** The first name, prefix or key that it may not; empty: it is about none. */
  readonly name: string
}

/** Null: it may. What is no name at all is left to the request, which says so. */
export function lackOfRight(needs: Need, line: Line, policy: Policy, caller: Caller): Lack | null {
  if (needs === 'nothing') return null
  if (needs === 'sight') return lackOf(policy.refusalOfSight(caller), '')
  if ('cluster' in needs) return lackOf(policy.refusalOfCluster(caller, needs.cluster), '')
  const { verb, of } = needs
  // Without an auth file everybody may lock and see, and this is asked for every line.
  if (policy.hash === null && verb !== 'break') return null
  if (of === 'prefix' || (of === 'target' && line.has('prefix'))) {
    const prefix = line.get('prefix')
    const isPrefix = prefix !== undefined && isNamePrefix(prefix)
    return isPrefix ? lackOf(policy.refusalUnder(caller, verb, prefix), prefix) : null
  }
  for (const name of namesOf(line, of)) {
    const lack = isLockName(name) ? lackOf(policy.refusal(caller, verb, name), name) : null
    if (lack !== null) return lack
  }
  return null
}

function lackOf(text: string | null, name: string): Lack | null {
  return text === null ? null : { text, name }
}

function namesOf(line: Line, of: Subject): readonly string[] {
  switch (of) {
    case 'asks': {
      const names = line.all('name').map(nameOfAsk)
      const once = line.get('once')
      return once === undefined ? names : [...names, once]
    }
    case 'key':
      return line.all('key')
    default:
      return line.all('name')
  }
}

function nameOfAsk(text: string): string {
  const ask = parseAsk(text)
  return typeof ask === 'string' ? '' : ask.name
}

/** What is proposed is answered by the state, once; whatever is only read is read again where it is asked again. */
export function isStored(needs: Need): boolean {
  return typeof needs === 'object' && 'verb' in needs && needs.verb !== 'see'
}

/**
 * Whether a caller may act for other people's holds of these names: because it may break them, or because this node has no auth
 * file and asks nobody who it is.
 */
export function actsForAnyone(policy: Policy, caller: Caller, names: readonly string[]): boolean {
  return policy.hash === null || names.every((name) => policy.refusal(caller, 'break', name) === null)
}
