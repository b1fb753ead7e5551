/** What tnl-do and its guardian say to each other, as JSON over the channel between them. */
import type { KeptCredentials } from '../../client/security/credentials.js'
import type { HoldLimit } from '../../client/session/local-lease.js'
import type { DialAddress } from '../../client/transport/link-socket.js'

export type OnLost =
  | { readonly kind: 'terminate' }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'ignore' }

/** Strings of the command hold one byte a character (latin1), so that they pass byte for byte. */
export interface GuardedCommand {
  readonly file: string
  readonly args: readonly string[]
  /** `NAME=VALUE` each. */
  readonly variables: readonly string[]
  /** How long before the limit the command is asked to end. */
  readonly graceMs: number
  readonly onLost: OnLost
  /** After a normal end of the command, what it has put into a session of its own is left alone. */
  readonly leaveDaemons: boolean
  /** Numbers of the signals that tnl-do was started to ignore. */
  readonly ignoredSignals: readonly number[]
  /** Open files besides 0–2 that were given to tnl-do. */
  readonly descriptors: readonly number[]
  /** The soft limit of open files under which tnl-do was started; null if it is not known. */
  readonly openFiles: number | null
  /** The process group of tnl-do, whose place on the terminal the command takes. */
  readonly outerGroup: number
}

/** With this anybody may take the session over; what the guardian needs when its copy of the connection is dead. */
export interface Resumption {
  readonly session: string
  readonly secret: string
  readonly addresses: readonly DialAddress[]
  /** Through this channel alone: on a command line everybody could read them. */
  readonly credentials: KeptCredentials
}

export type ToGuardian =
  /** Comes with the handle of the new connection, which replaces the one before. */
  | { readonly type: 'connection'; readonly number: number }
  /** The connection was welcomed. Null: it speaks the classic dialect. */
  | { readonly type: 'session'; readonly resumption: Resumption | null }
  | { readonly type: 'limit'; readonly limit: HoldLimit }
  | { readonly type: 'run'; readonly command: GuardedCommand; readonly limit: HoldLimit }
  /** The lock is lost but not another's yet: ask the command to end, kill it after its grace. */
  | { readonly type: 'terminate' }
  /** The lock may be another's already. */
  | { readonly type: 'kill' }
  /** tnl-do was continued after a stop: so must the command be, in the foreground if tnl-do is there. */
  | { readonly type: 'continue' }

export type FromGuardian =
  | { readonly type: 'adopted'; readonly number: number }
  | { readonly type: 'started'; readonly processId: number }
  /** The command could not be started; an errno name. */
  | { readonly type: 'failed'; readonly code: string }
  /** The terminal has stopped the command. */
  | { readonly type: 'stopped'; readonly signal: NodeJS.Signals }
  /** Nothing is left of the command. `lost`: the guardian asked for that, or did it, because the lock was being lost. */
  | {
      readonly type: 'ended'
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
      readonly lost: boolean
      /** It was the foreground of the terminal, so a signal that ended it may have come from there. */
      readonly foreground: boolean
    }
