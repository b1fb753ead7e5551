/** Every request of the classic dialect, registered: what a connection may begin with, and what may be said while it has a lock. */
import { neutral } from '../../../../protocol/replies.js'
import { check } from './check.js'
import { keepalive } from './keepalive.js'
import { lock } from './lock.js'
import { ping } from './ping.js'
import { release } from './release.js'
import type { ClassicRequest } from './request.js'
import { serverShutdown } from './server-shutdown.js'
import { stats } from './stats.js'

const byAction = (...requests: readonly ClassicRequest[]): ReadonlyMap<string, ClassicRequest> =>
  new Map(requests.map((request) => [request.action, request]))

/** The first line. */
export const FIRST_REQUESTS = byAction(lock, check, ping, stats, serverShutdown)
/** While the client waits for its lock, or holds it. */
export const LATER_REQUESTS = byAction(keepalive, release)

/** Whatever is not in the table: as a first line it ends the connection, later it changes nothing. */
export const BAD_ACTION = neutral('bad-action')
