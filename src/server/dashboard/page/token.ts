/** The token that this page shows to its node: kept as long as its tab, and never part of an address. */

const KEY = 'tnl-token'

export const heldToken = (): string => sessionStorage.getItem(KEY) ?? ''

/** Empty: forget it. */
export function holdToken(token: string): void {
  if (token === '') sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}

export function tokenHeaders(): Readonly<Record<string, string>> {
  const token = heldToken()
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}
