/** Who a program is, and how long it looks for a node, where nothing or little is said about it. */
import { hostname, userInfo } from 'node:os'
import { InvalidArgumentError } from 'commander'
import { DEFAULT_REACH_MS } from '../../client/limits.js'
import { assertClientId } from '../../client/names.js'
import type { SessionOptions } from '../../client/session/session.js'
import { CLIENT_ID_MAX_CHARS } from '../../protocol/limits.js'
import { checked, reachSeconds } from './arguments.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Who did not ask to wait is told at once that nothing listens anywhere; who waits for a lock waits for a node as well. */
export function readReach(
  reachFlagMs: number | undefined,
  waitMs: number,
  env: Environment,
): Pick<SessionOptions, 'reachMs' | 'resumeMs' | 'refusalIsFinal'> {
  const asked = reachFlagMs ?? reachFrom(env.TNL_REACH)
  const reachMs = asked ?? DEFAULT_REACH_MS
  return { reachMs, resumeMs: Math.max(reachMs, waitMs), refusalIsFinal: asked === null && waitMs === 0 }
}

function reachFrom(text: string | undefined): number | null {
  if (text === undefined || text === '') return null
  try {
    return reachSeconds(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new InvalidArgumentError(`TNL_REACH '${text}': ${error.message}`)
    throw error
  }
}

/** Whom others see as the holder. */
export function readClientId(given: string | undefined): string {
  if (given !== undefined) {
    checked('--client-id', () => assertClientId(given))
    return given
  }
  return `${userName()}@${hostname()}.${process.pid}`.replace(/[^A-Za-z0-9.@_-]/g, '_').slice(-CLIENT_ID_MAX_CHARS)
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a user id that has no name.
    return `uid${process.getuid?.() ?? ''}`
  }
}
