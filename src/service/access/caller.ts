/** Who asks, as far as a connection has proven it. */

/** What a connection shows of itself. */
export interface Credentials {
  /** What stood behind `auth:` or `Bearer`; undefined: nothing did. */
  readonly token?: string | undefined
  /** Of a client certificate that was verified; [] without one. */
  readonly certificateNames: readonly string[]
  /** The connection comes from this machine, and no proxy says otherwise. */
  readonly isLocal: boolean
}

/** How an identity was proven; `none`: nobody in particular asks. */
export type Proof = 'token' | 'certificate' | 'none'

export interface Caller {
  /** As the auth file calls it, and as sessions store it; empty: nobody in particular. */
  readonly id: string
  readonly proof: Proof
  /** Which of the identity's tokens (its hash) or certificate names it was: one may be taken away while others stay. */
  readonly evidence: string
  readonly isLocal: boolean
}

/** Somebody who has shown nothing. */
export function nobody(isLocal: boolean): Caller {
  return { id: '', proof: 'none', evidence: '', isLocal }
}
