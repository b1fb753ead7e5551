/** What tnl-do and its guardian say to each other, as JSON over the channel between them. */
import type { HoldLimit } from '../client/mirror.js'

export type OnLost =
  | { readonly kind: 'terminate' }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'ignore' }

export interface GuardedCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** How long before the limit the command is asked to end. */
  readonly graceMs: number
  readonly onLost: OnLost
}

export type ToGuardian =
  /** Comes with the handle of the new connection, which replaces the one before. */
  | { readonly type: 'connection'; readonly number: number }
  | { readonly type: 'limit'; readonly limit: HoldLimit }
  | { readonly type: 'run'; readonly command: GuardedCommand; readonly limit: HoldLimit }
  /** The lock is lost but not another's yet: ask the command to end, kill it after its grace. */
  | { readonly type: 'terminate' }

export type FromGuardian =
  | { readonly type: 'adopted'; readonly number: number }
  | { readonly type: 'started'; readonly processId: number }
  /** The command could not be started; an errno name. */
  | { readonly type: 'failed'; readonly code: string }
  /** The whole group is dead. `lost`: the guardian asked for that, or did it, because the lock was being lost. */
  | {
      readonly type: 'ended'
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
      readonly lost: boolean
    }
