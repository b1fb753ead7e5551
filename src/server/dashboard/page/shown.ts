/** What the node answers under `/v1`, as far as this page shows it (docs/protocol.md, Asking). Times are Unix seconds. */

export interface ListedLock {
  readonly name: string
  readonly mode: 'exclusive' | 'shared' | 'permits'
  readonly permits?: number
  readonly limit?: number
  readonly state: 'held' | 'tail' | 'reserved'
  readonly token?: number
  readonly holder?: string
  readonly since: number
  readonly waiters: number
  readonly meta?: string
}

export interface LocksPage {
  readonly locks: readonly ListedLock[]
  readonly truncated: boolean
  readonly after?: string
}

export interface Freeze {
  readonly prefix: string
  readonly reason: string
  readonly since: number
  readonly until?: number
}

export interface Hold {
  readonly token: number
  readonly mode: ListedLock['mode']
  readonly permits?: number
  readonly state: string
  readonly holder?: string
  readonly session?: number
  readonly node?: string
  readonly since: number
  readonly lease?: number
  readonly loose?: boolean
  readonly endsBy: string
  readonly endsWithin?: number
  readonly meta?: string
}

export interface Place {
  readonly position: number
  readonly mode: ListedLock['mode']
  readonly permits?: number
  readonly holder: string
  readonly session: number
  readonly names: number
  readonly since: number
  readonly wait: number | 'forever'
  readonly meta?: string
}

export interface Who {
  readonly name: string
  readonly kind: 'plain' | 'semaphore' | 'free'
  readonly state: 'held' | 'tail' | 'reserved' | 'free'
  readonly limit?: number
  readonly pinned?: number
  readonly frozen?: readonly Freeze[]
  readonly holds: readonly Hold[]
  readonly holdCount: number
  readonly waiting: readonly Place[]
  readonly waiterCount: number
}

export interface Link {
  readonly holder: string
  readonly name: string
  readonly of: string
}

export interface Waiting {
  readonly position: number
  readonly session: number
  readonly text: string
  readonly chain: readonly Link[]
  readonly circle?: string
}

export interface Why {
  readonly now?: readonly { readonly text: string }[]
  readonly requests: readonly Waiting[]
  readonly unexamined?: boolean
}

export interface Past {
  readonly token: number
  readonly mode: ListedLock['mode']
  readonly permits?: number
  readonly holder: string
  readonly from: number
  readonly to: number
  readonly how: string
  readonly by?: string
  readonly reason?: string
}

export interface History {
  readonly ends: readonly Past[]
}

export interface Session {
  readonly session: number
  readonly client?: string
  readonly node?: string
  readonly classic?: boolean
  readonly lease?: number
  readonly left?: number
  readonly holds: number
  readonly places: number
}

export interface SessionsPage {
  readonly sessions: readonly Session[]
  readonly count: number
  readonly after?: number
}
