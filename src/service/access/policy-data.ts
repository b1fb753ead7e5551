/** What an auth file says, once it is read: plain data, which the reader has checked. */
import type { ClusterVerb, LockVerb } from './verbs.js'

export interface Rights {
  /** By prefix of names; the longest counts. */
  readonly may: ReadonlyMap<string, ReadonlySet<LockVerb>>
  readonly cluster: ReadonlySet<ClusterVerb>
}

export interface IdentityData extends Rights {
  readonly id: string
  /** SHA-256 of each, 64 hex digits. No two identities have the same. */
  readonly tokenHashes: readonly string[]
  /** As `ClientSocket.certificateNames` has them. No two identities have the same. */
  readonly certificateNames: readonly string[]
}

/** For whoever asks for such a name. What is null or empty is not restricted. */
export interface NameRules {
  /** A hold ends by its `ttl`, at most so long after its grant; nor may `min-hold` or `delay` be longer than that. */
  readonly maxHoldMs: number | null
  /** `meta` is not empty; with keys it is a JSON object that has them, none of them empty. */
  readonly metadata: 'free' | 'needed' | readonly string[]
  readonly modes: ReadonlySet<AskedMode> | null
  /** Nobody joins a queue that has so many places. */
  readonly maxWaiters: number | null
}

export const ASKED_MODES = ['exclusive', 'shared', 'semaphore'] as const
export type AskedMode = (typeof ASKED_MODES)[number]

export interface PolicyData {
  /** Of the whole file, shortened. */
  readonly hash: string
  readonly identities: readonly IdentityData[]
  readonly anonymous: Rights
  /** By prefix of names; the longest counts. */
  readonly rules: ReadonlyMap<string, NameRules>
}
