/** `tnl watch KEY`: what happens, a line each, until Ctrl-C. When its node goes away it goes on at another one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { formatHostPort } from '../../address.js'
import { escapeValue, type Line, parseLine } from '../../protocol/line.js'
import { isNamePrefix } from '../../protocol/values.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { shown } from '../shared/terminal-text.js'
import { inSession, nextOf } from './asking.js'
import { checkedName, usageError } from './values.js'

const KEEPALIVE_MS = 2_000
const RETRY_MS = 500

export interface WatchOptions {
  /** KEY is the beginning of names. */
  readonly prefix?: boolean
  readonly since?: string
  readonly json?: boolean
}

export async function watchKey(access: ClusterAccess, name: string, options: WatchOptions): Promise<never> {
  const { endpoints, credentials } = access
  const { prefix, since, json } = options
  if (prefix !== true) checkedName(name)
  else if (!isNamePrefix(name)) throw usageError(`'${shown(name)}': no lock name begins like that`)
  if (since !== undefined && !/^\d{1,16}\.\d{1,16}$/.test(since)) {
    throw usageError(`--since ${shown(since)}: not a position such as 1042.0, which earlier lines told`)
  }
  const follower = new Follower(json === true, since)
  const target = `${prefix === true ? 'prefix' : 'name'}:${escapeValue(name)}`
  const failures: string[] = []
  for (let at = 0; ; at += 1) {
    const endpoint = endpoints[at % endpoints.length]
    if (endpoint === undefined) throw new Error('no endpoint')
    try {
      await inSession(endpoint, credentials, (client) => {
        client.send(`watch,id:1,${target}${follower.since === undefined ? '' : `,since:${follower.since}`}`)
        const alive = setInterval(() => client.send('.keepalive'), KEEPALIVE_MS)
        return follow(() => nextOf(client, 1), follower).finally(() => clearInterval(alive))
      })
    } catch (error) {
      if (error instanceof CommandFailure) throw error
      const words = `${formatHostPort(endpoint)}: ${explain(error)}`
      // Whoever has watched waits until the cluster is back; whoever never could learns of it.
      if (!follower.hasBegun && failures.length < endpoints.length) {
        failures.push(words)
        if (failures.length === endpoints.length) {
          throw new CommandFailure(TnlExit.noEndpoint, `no endpoint answered: ${failures.join('; ')}`)
        }
        continue
      }
      process.stderr.write(`${words}; going on elsewhere\n`)
      await sleep(RETRY_MS)
    }
  }
}

async function follow(next: () => Promise<string>, follower: Follower): Promise<never> {
  for (;;) {
    const line = parseLine(await next())
    if (line !== null) follower.take(line)
  }
}

/** A gap that was not told to its end leaves nothing to go on from. Behind this there is everything, as events or by another gap. */
const BEFORE_ALL = '0.0'

/** What was told, and from where to go on. */
export class Follower {
  since: string | undefined
  /** A node has taken the watch once. */
  hasBegun = false
  #gapAt = ''

  constructor(
    private readonly asJson: boolean,
    since: string | undefined,
    private readonly write: (text: string) => void = (text) => void process.stdout.write(text),
  ) {
    this.since = since
  }

  take(line: Line): void {
    const at = line.get('at') ?? ''
    switch (line.action) {
      case 'watching':
        this.hasBegun = true
        this.since = at
        return
      case 'gap':
        this.since = BEFORE_ALL
        this.#gapAt = at
        this.#say({ at, type: 'gap' }, 'some events were missed; this is what there is now:')
        return
      case 'lock': {
        const [name, state, token, holder] = ['name', 'state', 'token', 'holder'].map((key) => line.get(key) ?? '')
        this.#say({ type: 'lock', name, state, token: Number(token), holder }, `  ${name} ${state} ${holder} ${token}`)
        return
      }
      case 'end':
        this.since = this.#gapAt
        this.#say({ at: this.#gapAt, type: 'end', exactFrom: line.get('exact-from') }, `  ${line.get('count')} in all`)
        return
      case 'event': {
        this.since = at
        const [type, name, token, holder] = ['type', 'name', 'token', 'holder'].map((key) => line.get(key) ?? '')
        this.#say(
          { at, type, name, token: Number(token), holder },
          `${at}  ${type} ${name} ${holder}${token === '0' ? '' : ` ${token}`}`,
        )
      }
    }
  }

  #say(json: object, words: string): void {
    this.write(`${this.asJson ? JSON.stringify(json) : words.trimEnd()}\n`)
  }
}
