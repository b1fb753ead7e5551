/** What `why` and `who` write for clients, against the model: every value, and what the sentences have to say. */
import { EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import type { Reports } from '../../../src/locks/views/reports.js'
import { whoJson, whyJson } from '../../../src/service/reads/report-json.js'
import { labelOf, type ModelHold, type ModelRequest } from '../service/model/entities.js'
import type { Model } from '../service/model/model.js'
import { demand, demandSame, endsByItself } from './judge.js'

interface BlockerJson {
  readonly kind: 'hold' | 'tail' | 'place' | 'frozen'
  readonly name: string
  readonly text: string
  readonly token?: number
  readonly session?: number
  readonly request?: number
  readonly position?: number
  readonly prefix?: string
}

interface WaitJson {
  readonly position: number
  readonly holder: string
  readonly session: number
  readonly request?: number
  readonly mode: string
  readonly names: readonly string[]
  readonly waitedFor: number
  readonly wait: number | 'forever'
  readonly text: string
  readonly blockers: readonly BlockerJson[]
  readonly blockerCount: number
  readonly chain: readonly {
    readonly holder: string
    readonly name: string
    readonly of: string
    readonly text: string
  }[]
}

interface WhyJson {
  readonly name: string
  /** As many as there is room for in a line. */
  readonly now: readonly BlockerJson[]
  readonly nowCount: number
  readonly requests: readonly WaitJson[]
  readonly requestCount: number
}

interface WhoJson {
  readonly kind: string
  readonly state: string
  readonly holds: readonly Record<string, unknown>[]
  readonly holdCount: number
  readonly waiting: readonly Record<string, unknown>[]
  readonly waiterCount: number
  readonly frozen?: readonly { readonly prefix: string }[]
}

/** As it arrives at a client. */
const sent = <T>(report: object): T => JSON.parse(JSON.stringify(report)) as T

const modeOf = (amount: number): string =>
  amount === EXCLUSIVE ? 'exclusive' : amount === SHARED ? 'shared' : 'permits'

const ageOf = (sinceMs: number, nowMs: number): number => Math.max(0, nowMs - sinceMs) / 1000

/** As it is told: a client may have given none. */
const numberOf = (request: ModelRequest | undefined): number | undefined =>
  request === undefined || request.request < 0 ? undefined : request.request

export function judgeWords(model: Model, reports: Reports, name: string, nowMs: number): void {
  const { table } = model
  const places = table.placesBefore(name, null)
  const why = sent<WhyJson>(whyJson(reports, name, null, nowMs))
  demandSame('name', why.name, name)
  demandSame('requests', why.requestCount, places.length)
  for (const [at, told] of why.requests.entries()) {
    const { request, amount } = places[at] ?? {}
    if (request === undefined || amount === undefined) throw new Error('more requests than places')
    judgeWait(model, told, request, nowMs)
    demandSame('position', told.position, at + 1)
    demandSame('mode', told.mode, modeOf(amount))
    demand(
      told.text.includes(`has waited for ${name} for `),
      'the sentence does not name what is waited for',
      told.text,
    )
  }
  const limit = table.limits.get(name) ?? 0
  const now = { name, amount: limit > 0 ? 1 : EXCLUSIVE, limit }
  const isFree = table.mayHave([now], null)
  demandSame('whether whoever came now would get it', why.nowCount === 0, isFree)
  for (const blocker of why.now) judgeSentence(model, blocker)
}

function judgeWait(model: Model, told: WaitJson, request: ModelRequest, nowMs: number): void {
  const label = labelOf(request.session)
  demandSame('holder', told.holder, label)
  demandSame('session', told.session, request.session.id)
  demandSame('request', told.request, numberOf(request))
  demandSame(
    'names',
    told.names,
    request.asks.map((ask) => ask.name),
  )
  demandSame('waitedFor', told.waitedFor, ageOf(request.terms.wallMs, nowMs))
  demandSame('wait', told.wait, request.waitMs < 0 ? 'forever' : request.waitMs / 1000)
  demand(told.text.startsWith(`${label} has waited for `), 'the sentence does not say who waits', told.text)
  const [first] = told.blockers
  if (first === undefined) demand(told.text.endsWith('nothing is in the way any more'), 'the sentence', told.text)
  else demand(told.text.includes(first.text), 'the sentence does not say what is in the way', told.text)
  const more = told.blockerCount > 1 ? `; and ${told.blockerCount - 1} more in the way` : first?.text
  demand(more === undefined || told.text.endsWith(more), 'the sentence does not say how much more there is', told.text)
  for (const blocker of told.blockers) judgeSentence(model, blocker)
  for (const link of told.chain) {
    demand(link.text.startsWith(`${link.holder} waits`), 'a link does not say who waits', link)
    demand(link.text.includes(link.name) && link.text.includes(link.of), 'a link does not say for what, of whom', link)
  }
}

/** The words of one blocker: whose it is, and how it will end. */
function judgeSentence({ table }: Model, { kind, text, name, ...blocker }: BlockerJson): void {
  const says = (isSo: boolean, ...words: readonly string[]) => {
    for (const word of words) demandSame(`whether "${text}" says "${word}"`, text.includes(word), isSo)
  }
  if (kind === 'frozen') {
    const freeze = table.freezes.get(blocker.prefix ?? '?')
    says(true, 'frozen', freeze?.reason ?? '?')
    says(freeze?.untilWallMs === 0, 'until an operator thaws')
    return
  }
  if (kind === 'place') {
    const places = table.placesBefore(name, null).map((one) => one.request)
    const place = (blocker.position ?? 0) - 1
    const request = places[place]
    demandSame('whose place it is', blocker.session, request?.session.id)
    demandSame('which request', blocker.request, numberOf(request))
    says(true, `asked for ${name}`, `position ${place + 1}`, request === undefined ? '?' : labelOf(request.session))
    says((request?.asks.length ?? 0) > 1, 'other name')
    return
  }
  const hold = table.holdsOf(name).find(({ token }) => token === blocker.token)
  if (hold === undefined) throw new Error(`no hold ${blocker.token}`)
  demandSame('kind', kind, hold.phase === 'tail' ? 'tail' : 'hold')
  says(true, name, `token ${hold.token}`)
  says(hold.phase === 'tail', 'delayed')
  says(hold.phase === 'forced', 'broken by an operator')
  says(hold.phase === 'ttl', 'has timed out')
  says(endsByItself(hold), 'at most')
  if (hold.phase === 'tail') return
  says(true, hold.holder)
  if (hold.phase !== 'held') return
  says(hold.amount === SHARED, ' shared ')
  says(hold.amount > 0, 'permit')
  const { session } = hold
  says(session?.place != null, ` on ${session?.place?.node ?? 'n'}`)
}

export function judgeWho(model: Model, reports: Reports, name: string, nowMs: number): void {
  const { table } = model
  const holds = table.holdsOf(name)
  const places = table.placesBefore(name, null)
  const who = sent<WhoJson>(whoJson(reports, name, nowMs))
  demandSame('holdCount', who.holdCount, holds.length)
  demandSame('waiterCount', who.waiterCount, places.length)
  demandSame(
    'holds',
    who.holds.map(({ token, mode, state, holder, session, node, heldFor, meta, endsWithin, leaseLeft }) => {
      return { token, mode, state, holder, session, node, heldFor, meta, ends: endsWithin !== undefined, leaseLeft }
    }),
    holds.map((hold) => holdSeen(hold, nowMs)),
  )
  demandSame(
    'waiting',
    who.waiting.map(({ position, mode, holder, session, waitedFor, meta }) => {
      return { position, mode, holder, session, waitedFor, meta }
    }),
    places.map(({ request, amount }, at) => ({
      position: at + 1,
      mode: modeOf(amount),
      holder: labelOf(request.session),
      session: request.session.id,
      waitedFor: ageOf(request.terms.wallMs, nowMs),
      meta: request.terms.meta || undefined,
    })),
  )
  const frozen = [...table.freezes.keys()].filter((prefix) => name.startsWith(prefix)).sort()
  demandSame('frozen', who.frozen?.map(({ prefix }) => prefix) ?? [], frozen)
}

function holdSeen(hold: ModelHold, nowMs: number): object {
  const { token, amount, phase, holder, session, owner, sinceWallMs, meta } = hold
  const isTail = phase === 'tail'
  const isKept = phase === 'held' && session !== null && session.place !== null && hold.ttlMs === 0 && !session.classic
  return {
    token,
    mode: modeOf(amount),
    state: phase,
    holder: isTail ? undefined : holder,
    session: isTail ? undefined : (session?.id ?? owner),
    node: session?.place?.node,
    heldFor: ageOf(sinceWallMs, nowMs),
    meta: meta || undefined,
    ends: endsByItself(hold),
    leaseLeft: isKept ? session.leaseMs / 1000 : undefined,
  }
}
