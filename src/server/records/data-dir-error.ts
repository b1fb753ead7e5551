/** What an operator needs to know when the system refuses a data directory: whose it is, and who asked. */
import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { UsageError } from '../exit-codes.js'
import { describeSystemError, hasCode } from '../sockets/listen.js'

const MODE_BITS = 0o7777
/** Of a path that this user cannot use as it is. A file that is missing inside of a directory is another matter. */
const REFUSALS = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']

/** The same error in better words if the system refused `dataDir` to this user; otherwise the error as it is. */
export function explainDirectoryError(dataDir: string, error: unknown): unknown {
  const cause = systemErrorOf(error)
  if (!hasCode(cause, ...REFUSALS) && !isNotMade(cause)) return error
  return new UsageError(`--data-dir ${dataDir}: ${describeSystemError(cause)}: ${whose(dataDir)}; ${who()}`)
}

function systemErrorOf(error: unknown): unknown {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ('errno' in one && typeof one.errno === 'number') return one
  }
  return error
}

/** Where no directory can be made at all, as under /proc. */
const isNotMade = (cause: unknown): boolean =>
  hasCode(cause, 'ENOENT') && cause instanceof Error && 'syscall' in cause && cause.syscall === 'mkdir'

/** Of the directory, or of the nearest one above that exists. */
function whose(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path)
    return `${path} belongs to user ${uid}, group ${gid}, mode ${(mode & MODE_BITS).toString(8)}`
  } catch {
    const above = dirname(path)
    return above === path ? `${path} cannot be looked at` : whose(above)
  }
}

function who(): string {
  const { getuid, getgid } = process
  const ids = getuid === undefined || getgid === undefined ? '' : ` (user ${getuid()}, group ${getgid()})`
  return `this server runs as ${userName()}${ids}`
}

/** A container may run as a user that has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'a user without a name'
  }
}
