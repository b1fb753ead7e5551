/** `tnl unlock KEY [-r]`: ends locks that outlive their programs, on whichever host. */
import type { LooseHold } from '../../client/session/lock-session.js'
import { ClientSession } from '../../client/session/session.js'
import { parseInteger } from '../../protocol/values.js'
import { askInfo, asking } from '../reads/asking.js'
import { listHolds } from '../reads/pages.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { ClusterRefusal, CommandFailure } from '../shared/command-failure.js'
import { LockExit } from '../shared/exit-statuses.js'
import { ProgramLog } from '../shared/log.js'
import { UNLOCKS_IN_FLIGHT_COUNT } from './limits.js'
import { assertKey, type ClientFlags, type Environment, type LockRequest, readClient } from './options.js'
import { printResult } from './print-result.js'
import { refusal } from './refusals.js'

export interface UnlockFlags extends ClientFlags {
  readonly session?: string
  readonly secret?: string
  readonly token?: string
  /** KEY is a regular expression. */
  readonly r?: true
  readonly json?: true
}

export async function unlock(key: string, flags: UnlockFlags, env: Environment): Promise<void> {
  const which = readWhich(flags)
  const client = readClient(flags, 0, env)
  if (flags.r !== true) assertKey(key)
  const unlocking = new Unlocking(client, which)
  const released = flags.r === true ? await unlocking.matching(key) : await unlocking.only(key)
  if (!(await printResult(released))) throw usage('the result cannot be written to stdout; what was found is unlocked')
}

function readWhich({ session, secret, token, r }: UnlockFlags): LooseHold {
  if ((session === undefined) !== (secret === undefined)) throw usage('--session and --secret belong together')
  if (session !== undefined && parseInteger(session) === null) throw usage(`--session ${session}: not a session`)
  if (token !== undefined && r === true) throw usage('-r ends all that match: no --token')
  const number = token === undefined ? undefined : parseInteger(token)
  if (number === null) throw usage(`--token ${token}: not a token`)
  return { token: number, owner: session === undefined ? undefined : { session, secret: secret ?? '' } }
}

class Unlocking {
  readonly #log: ProgramLog
  readonly #access: ClusterAccess

  constructor(
    private readonly client: Pick<LockRequest, 'session' | 'verbosity'>,
    private readonly which: LooseHold,
  ) {
    this.#log = new ProgramLog('tnl unlock', client.verbosity)
    this.#access = client.session
  }

  /** The key, or null if there was nothing to end. */
  async only(key: string): Promise<string | null> {
    const isReleased = await this.#inSession((session) => session.unlock(key, this.which))
    if (isReleased) return key
    const tokens = await this.#looseHolds(key)
    if (tokens.length > 1) {
      throw usage(`${key} has ${tokens.length} locks that outlive their programs: say --token, of ${tokens.join(', ')}`)
    }
    this.#log.info(`${key}: No lock found`)
    return null
  }

  /** The names of what was ended: exactly what one listing shows, so that a lock which changed hands since is left alone. */
  async matching(pattern: string): Promise<string[]> {
    const found = await this.#listed(pattern)
    const released = new Set<string>()
    await this.#inSession(async (session) => {
      for (let at = 0; at < found.length; at += UNLOCKS_IN_FLIGHT_COUNT) {
        const some = found.slice(at, at + UNLOCKS_IN_FLIGHT_COUNT)
        await Promise.all(
          some.map(async ({ name, token }) => {
            const isReleased = await session.unlock(name, { token, owner: this.which.owner })
            if (isReleased) released.add(name)
            else this.#log.info(`${name}: the hold with token ${token} is left alone, it is bound to a session`)
          }),
        )
      }
    })
    return [...released].sort()
  }

  async #listed(pattern: string): Promise<readonly { readonly name: string; readonly token: number }[]> {
    const owner = this.which.owner?.session
    try {
      return await asking(this.#access, async (client) => {
        const found: { name: string; token: number }[] = []
        await listHolds(client, { match: pattern }, (line) => {
          const [name, token] = [line.get('name'), line.number('token')]
          if (name === undefined || token === undefined || line.get('state') !== 'held') return
          if (owner === undefined || line.get('session') === owner) found.push({ name, token })
        })
        return found
      })
    } catch (error) {
      if (!(error instanceof ClusterRefusal)) throw error
      if (error.refusal === 'unauthorized') throw permission(error)
      throw new CommandFailure(LockExit.invalidKey, `${pattern}: ${error.message}`)
    }
  }

  /** Tokens of the locks among which `unlock` cannot choose. */
  async #looseHolds(key: string): Promise<readonly number[]> {
    if (this.which.token !== undefined) return []
    const owner = this.which.owner?.session
    const asked = askInfo<WhoJson>(this.#access, `who,name:${key}`)
    const { holds } = await asked.catch((error: unknown) => Promise.reject(permission(error)))
    return holds
      .filter((hold) => hold.loose === true && (owner === undefined || String(hold.session) === owner))
      .map(({ token }) => token)
  }

  async #inSession<T>(ask: (session: ClientSession) => Promise<T>): Promise<T> {
    const notice = (text: string): void => this.#log.info(text)
    try {
      const session = await ClientSession.open(this.client.session, { notice })
      try {
        return await ask(session)
      } finally {
        await session.close()
      }
    } catch (error) {
      throw error instanceof CommandFailure ? error : refusal(error, 'Unable to unlock')
    }
  }
}

/** A refusal for want of rights has a status of its own here. */
function permission(error: unknown): unknown {
  const isMeant = error instanceof ClusterRefusal && error.refusal === 'unauthorized'
  return isMeant ? new CommandFailure(LockExit.permissionDenied, error.message) : error
}

interface WhoJson {
  readonly holds: readonly { readonly token: number; readonly loose?: boolean; readonly session?: number }[]
}

const usage = (message: string): CommandFailure => new CommandFailure(LockExit.badUsage, message)
