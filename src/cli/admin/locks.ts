/** What operators do to locks: break a hold, set a semaphore's limit, freeze and thaw, forget that something was done. */
import { type Fields, formatLine, type Line } from '../../protocol/line.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { askAdmin } from '../shared/line-client.js'
import { say } from '../shared/say.js'

interface SayOptions {
  readonly json?: boolean
}

/** What is needed is not left to commander, which looks for what is missing before it sees what is mistyped. */
export interface ForceOptions extends SayOptions {
  readonly token?: string
  readonly reason?: string
  readonly now?: boolean
}

export async function forceRelease(access: ClusterAccess, name: string, options: ForceOptions): Promise<void> {
  const { token, reason, now } = options
  if (token === undefined) throw usage('--token T is needed: of the hold, as tnl who shows it')
  if (reason === undefined) throw usage('--reason TEXT is needed: whoever loses the lock sees it')
  const said = await ask(access, '.force-release', { name, token, reason, now: now === true ? 'yes' : undefined })
  const within = Number(said.get('within'))
  const when = within === 0 ? 'at once' : `when its holder has let go, ${within} s at most`
  say(options.json === true, `${name}: the hold with token ${token} is broken; the lock passes on ${when}`, {
    name,
    token: Number(token),
    within,
  })
  if (now === true) process.stderr.write(`${name}: its former holder may not know yet: for a while two may hold\n`)
}

export interface ResizeOptions extends SayOptions {
  readonly limit?: string
  readonly reset?: boolean
}

export async function resize(access: ClusterAccess, name: string, options: ResizeOptions): Promise<void> {
  const { limit, reset, json } = options
  if ((limit === undefined) === (reset !== true)) throw usage('either --limit N or --reset')
  await ask(access, '.resize', reset === true ? { name, reset: 'yes' } : { name, limit })
  const words =
    reset === true
      ? `${name}: the limit is again what requests say, once nobody holds or waits`
      : `${name}: the limit is ${limit} now, whatever requests say, until tnl resize ${name} --reset`
  say(json === true, words, { name, limit: reset === true ? null : Number(limit) })
}

export interface FreezeOptions extends SayOptions {
  readonly until?: string
  readonly for?: string
  readonly reason?: string
}

export async function freeze(access: ClusterAccess, prefix: string, options: FreezeOptions): Promise<void> {
  const { reason } = options
  if (reason === undefined) throw usage('--reason TEXT is needed: whoever is refused sees it')
  const until = readEnd(options, Date.now())
  await ask(access, '.freeze', { prefix, until, reason })
  const end = until === undefined ? 'tnl thaw' : new Date(until * 1000).toISOString()
  const words = `${shown(prefix)}: no new holds until ${end}; holders and waiters stay`
  say(options.json === true, words, { prefix, until: until ?? null, reason })
}

/** Unix seconds, by this machine's clock; undefined: no end. */
export function readEnd(options: Pick<FreezeOptions, 'until' | 'for'>, nowMs: number): number | undefined {
  const { until, for: seconds } = options
  if (until !== undefined && seconds !== undefined) throw usage('either --until or --for')
  if (seconds !== undefined) {
    if (!/^\d{1,9}(?:\.\d+)?$/.test(seconds)) throw usage(`--for ${seconds}: not a number of seconds`)
    return Math.ceil(nowMs + Number(seconds) * 1000) / 1000
  }
  if (until === undefined) return undefined
  const endMs = /^\d{1,11}(?:\.\d+)?$/.test(until) ? Number(until) * 1000 : Date.parse(until)
  if (Number.isNaN(endMs)) throw usage(`--until ${until}: neither unix seconds nor a time such as 2030-01-31T08:00Z`)
  if (endMs <= nowMs) throw usage(`--until ${until}: has passed already`)
  return Math.ceil(endMs) / 1000
}

export async function thaw(access: ClusterAccess, prefix: string, { json }: SayOptions): Promise<void> {
  await ask(access, '.thaw', { prefix })
  say(json === true, `${shown(prefix)}: thawed, those who waited follow in their order`, { prefix })
}

export async function forgetMark(access: ClusterAccess, key: string, { json }: SayOptions): Promise<void> {
  await ask(access, '.forget', { key })
  say(json === true, `${key}: is no longer marked as done`, { key })
}

async function ask(access: ClusterAccess, action: string, fields: Fields): Promise<Line> {
  const [answer] = await askAdmin(access, action, formatLine('', fields).trimEnd())
  if (answer === undefined) throw new CommandFailure(TnlExit.failed, 'the node did not answer')
  return answer
}

const shown = (prefix: string): string => (prefix === '' ? 'all names' : prefix)

function usage(message: string): CommandFailure {
  return new CommandFailure(TnlExit.usage, message)
}
