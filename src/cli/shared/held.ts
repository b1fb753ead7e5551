/**
 * `TNL_HELD`: every lock that is held around a command, the innermost last, so that a tnl-do inside does not wait for a
 * lock that one of those around it will not release before the inner one has ended. Separated by spaces, each
 * `NAME@TOKEN,CLUSTER,HOLDER`: `migrate@1042,5f3c,ops@build-7.311` (empty what a server does not tell).
 */
import type { Kept } from '../../client/session/lock-session.js'
import { isLockName, parseInteger } from '../../protocol/values.js'

export interface HeldMark {
  readonly name: string
  readonly token: string
  readonly cluster: string
  /** Client id of the holder. */
  readonly holder: string
}

export const HELD_VARIABLE = 'TNL_HELD'

/** Entries that are none are left out: the variable may have been made by anybody. */
export function readHeld(text: string | undefined): HeldMark[] {
  return (text ?? '').split(' ').flatMap((entry) => {
    const [hold = '', cluster = '', holder = ''] = entry.split(',')
    const at = hold.lastIndexOf('@')
    return at > 0 ? [{ name: hold.slice(0, at), token: hold.slice(at + 1), cluster, holder }] : []
  })
}

export function formatHeld(marks: readonly HeldMark[]): string {
  return marks.map(({ name, token, cluster, holder }) => `${name}@${token},${cluster},${holder}`).join(' ')
}

/** What a request says its client keeps while it waits: what is held around it, of this cluster. A mark may be outdated; the cluster knows. */
export function keptAround(marks: readonly HeldMark[], cluster: string | null): Kept[] {
  return marks.flatMap(({ name, token, cluster: ofMark }) => {
    const number = parseInteger(token)
    return number !== null && cluster !== null && ofMark === cluster && isLockName(name)
      ? [{ name, token: number }]
      : []
  })
}

/**
 * The mark of an outer tnl-do that holds the lock `name` now, if `holder` is who holds it by the word of `cluster`. A mark
 * may have outlived its lock: then somebody else is the holder, or nobody.
 */
export function holderAround(
  marks: readonly HeldMark[],
  name: string,
  cluster: string | null,
  holder: string | null,
): HeldMark | null {
  const isMeant = (mark: HeldMark): boolean =>
    mark.name === name && mark.holder === holder && (mark.cluster === (cluster ?? '') || mark.cluster === '')
  return marks.find(isMeant) ?? null
}
