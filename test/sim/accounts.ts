/**
 * In every other seed the nodes have an auth file: clients of the session dialect are three identities, one of them nobody in
 * particular, and operators a fourth. All may lock all names, so what changes is whose a session is and what follows from it.
 */
import { sha256 } from '../../src/digest.js'
import { FilePolicy } from '../../src/service/access/file-policy.js'
import type { Policy } from '../../src/service/access/policy.js'
import type { LockVerb } from '../../src/service/access/verbs.js'

const IDENTITIES = ['', 'a', 'b']
const OPERATOR = 'op'

const hasAccounts = (seed: number): boolean => seed % 2 === 1

const tokenOf = (id: string): string => `token-of-${id}`

/** Of all nodes; null: they have no such file. */
export function policyOf(seed: number): Policy | null {
  if (!hasAccounts(seed)) return null
  const may = (...verbs: LockVerb[]) => ({ may: new Map([['', new Set(verbs)]]), cluster: new Set<never>() })
  const ids = [...IDENTITIES.filter((id) => id !== ''), OPERATOR]
  const identities = ids.map((id) => ({
    id,
    tokenHashes: [sha256(tokenOf(id)).toString('hex')],
    certificateNames: [],
    ...(id === OPERATOR ? may('lock', 'see', 'break') : may('lock', 'see')),
  }))
  return new FilePolicy({ hash: 'simulated', identities, anonymous: may('lock', 'see'), rules: new Map() }, false)
}

/** What the client's opening lines say of it. `name`: with its number at the end, which draws nothing from the seed. */
export function authPair(seed: number, name: string, isOperator: boolean): string {
  if (!hasAccounts(seed)) return ''
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0)
  const id = isOperator ? OPERATOR : (IDENTITIES[number % IDENTITIES.length] ?? '')
  return id === '' ? '' : `,auth:${tokenOf(id)}`
}
