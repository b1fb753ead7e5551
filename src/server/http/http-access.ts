/**
 * Who may read over HTTP. Without an auth file everybody may whom the port reaches, but for pages of strangers: a name that leads
 * to this machine (DNS rebinding) lets any page in a browser here ask as if it were from this port. So a port on loopback answers
 * only what was asked of an address, `localhost`, or the name that the node advertises.
 */
import type { IncomingMessage } from 'node:http'
import { addressKey, isLoopbackHost, parseHostPort } from '../../address.js'
import type { AccessControl } from '../../service/access/access-control.js'
import type { Audit } from '../../service/access/audit.js'
import { type Caller, nobody } from '../../service/access/caller.js'
import type { FailedAttempts } from '../../service/access/failed-attempts.js'
import { type VisibleNames, WRONG_TOKEN_TEXT } from '../../service/access/policy.js'
import { type Answer, failure } from './answers.js'
import { type ClientEnd, clientEndOf } from './client-end.js'
import type { Sight } from './prefix-labels.js'

export interface HttpAccessDeps {
  readonly access: AccessControl
  readonly audit: Audit
  readonly failedAttempts: FailedAttempts
  /** HOST:PORT that redirects to this node name. */
  readonly advertise: string
}

/** Who asks one question, and what of the answer may be told. */
export interface Asker {
  readonly caller: Caller
  /** The same for all who see the same names. */
  readonly audience: string
  readonly visible: VisibleNames
  /** Null: the caller may see this lock. */
  refusal(name: string): Answer | null
  /** Null: the caller may see every name that begins so. */
  refusalUnder(prefix: string): Answer | null
  /** What of metrics that are told by prefix is for the caller. */
  readonly sight: Sight
}

const DEFAULT_PORT = 80

export class HttpAccess {
  constructor(private readonly deps: HttpAccessDeps) {}

  /** Called after each change of what is allowed. */
  onChange(listener: () => void): void {
    this.deps.access.onChange(listener)
  }

  /** Null: the request was meant for this port. */
  misdirected({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): Answer | null {
    const { access, advertise } = this.deps
    const { host } = headers
    const isOpen = access.policy.hash !== null || !isLoopbackHost(socket.localAddress ?? '')
    if (isOpen) return null
    // It could read nothing, and yet hold what there are few of: event streams. Whoever follows a link to the dashboard may.
    if (headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-dest'] !== 'document') {
      return failure(403, 'misdirected', 'a page from elsewhere may not ask here')
    }
    // Browsers always say a host; what says none is no browser.
    if (host === undefined || isOwnHost(host, advertise)) return null
    return failure(421, 'misdirected', 'ask for localhost, an address, or the host that --advertise names')
  }

  /** The answer to a token that is nobody's comes after a while. */
  async identify(request: Pick<IncomingMessage, 'headers' | 'socket'>, what: string): Promise<Asker | Answer> {
    const end = clientEndOf(request.socket)
    const { certificateNames, isLocal } = end
    const token = tokenOf(request.headers.authorization)
    const caller = this.deps.access.policy.identify({ token, certificateNames, isLocal })
    if (caller !== null) return this.#asker(caller, end, what)
    this.#refused(nobody(isLocal), end, what, WRONG_TOKEN_TEXT)
    await new Promise<void>((answer) => this.deps.failedAttempts.answerLater(answer))
    return unauthorized(WRONG_TOKEN_TEXT)
  }

  /** For what is about no lock in particular. Null: the caller may see some names at least. */
  refusalOfSight({ caller }: Asker, request: Pick<IncomingMessage, 'socket'>, what: string): Answer | null {
    const text = this.deps.access.policy.refusalOfSight(caller)
    if (text === null) return null
    this.#refused(caller, clientEndOf(request.socket), what, text)
    return refusalOf(caller, text)
  }

  #asker(caller: Caller, end: ClientEnd, what: string): Asker {
    const { policy } = this.deps.access
    const judged = (text: string | null, name: string): Answer | null => {
      if (text === null) return null
      this.#refused(caller, end, what, text, name)
      return refusalOf(caller, text)
    }
    const visible = policy.sees(caller)
    return {
      caller,
      audience: visible.isAll ? '' : `${policy.hash} ${caller.id}`,
      visible,
      refusal: (name) => judged(policy.refusal(caller, 'see', name), name),
      refusalUnder: (prefix) => judged(policy.refusalUnder(caller, 'see', prefix), prefix),
      sight: {
        has: (name) => visible.has(name),
        hasAllUnder: (prefix) => policy.refusalUnder(caller, 'see', prefix) === null,
      },
    }
  }

  #refused(caller: Caller, { remote }: ClientEnd, action: string, reason: string, name?: string): void {
    this.deps.audit.record({
      caller,
      remote,
      action,
      result: 'refused',
      reason,
      ...(name === undefined ? {} : { name }),
    })
  }
}

/** Whoever has shown nothing may try again with a token. */
function refusalOf({ proof }: Caller, text: string): Answer {
  return proof === 'none' ? unauthorized(text) : failure(403, 'unauthorized', text)
}

function unauthorized(text: string): Answer {
  return { ...failure(401, 'unauthorized', text), headers: { 'www-authenticate': 'Bearer realm="tcpnetlock"' } }
}

/** Other schemes are for proxies in between. Whoever says `Bearer` means to be somebody, also where no token follows. */
function tokenOf(authorization: string | undefined): string | undefined {
  return /^Bearer(?:$| +)(.*)$/i.exec(authorization?.trim() ?? '')?.[1]
}

function isOwnHost(text: string, advertise: string): boolean {
  const host = hostOf(text)
  if (host === null) return false
  return host === 'localhost' || addressKey(host) !== null || host === hostOf(advertise)
}

function hostOf(text: string): string | null {
  try {
    return parseHostPort(text, DEFAULT_PORT).host.toLowerCase()
  } catch {
    return null
  }
}
