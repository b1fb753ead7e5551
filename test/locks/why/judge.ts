/**
 * What must be true of a `why`, by the plain lists of the reference model. Nothing is derived as the code derives it: things are
 * taken out of the model's lists, and the model says whether the request would have its turn then.
 */
import { EXCLUSIVE } from '../../../src/locks/commands/commands.js'
import type { Chain, Link } from '../../../src/locks/views/chain.js'
import type { Blocker, WaitReport } from '../../../src/locks/views/why.js'
import { goesBeside, labelOf, type ModelHold, type ModelRequest } from '../service/model/entities.js'
import type { Model } from '../service/model/model.js'

/** What `why` said is not so. */
export class Wrong extends Error {
  override readonly name = 'Wrong'
}

export function demand(isSo: boolean, what: string, found?: unknown): void {
  if (!isSo) throw new Wrong(found === undefined ? what : `${what}: ${JSON.stringify(found)}`)
}

export function demandSame(what: string, found: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)]
  if (is !== should) throw new Wrong(`${what} is ${is} and should be ${should}`)
}

/** A hold or tail, a request that stands before, or a freeze, of the model. */
export type Thing =
  | { readonly kind: 'hold'; readonly hold: ModelHold }
  | { readonly kind: 'place'; readonly request: ModelRequest; readonly name: string }
  | { readonly kind: 'frozen'; readonly prefix: string; readonly name: string }

/** The thing of the model that a blocker speaks of; there has to be one. */
export function thingOf({ table }: Model, blocker: Blocker): Thing {
  switch (blocker.kind) {
    case 'hold': {
      const { name, token } = blocker.hold
      const hold = table.holdsOf(name).find((one) => one.token === token)
      if (hold === undefined) throw new Wrong(`no hold of ${name} has token ${token}`)
      return { kind: 'hold', hold }
    }
    case 'place': {
      const { name, session, request } = blocker.place
      const found = table.requests.find((one) => one.session.id === session && one.request === request)
      if (found === undefined) throw new Wrong(`no request ${request} of ${session} waits`)
      return { kind: 'place', request: found, name }
    }
    case 'frozen': {
      const { prefix } = blocker.freeze
      demand(table.freezes.has(prefix), `'${prefix}' is not frozen`)
      return { kind: 'frozen', prefix, name: blocker.name }
    }
  }
}

/** Whether the request would have its turn if these things were gone. */
export function hasItsTurnWithout({ table }: Model, request: ModelRequest, gone: readonly Thing[]): boolean {
  const before = { holds: table.holds, requests: table.requests, freezes: [...table.freezes] }
  const holds = new Set(gone.flatMap((thing) => (thing.kind === 'hold' ? [thing.hold] : [])))
  const requests = new Set(gone.flatMap((thing) => (thing.kind === 'place' ? [thing.request] : [])))
  table.holds = table.holds.filter((hold) => !holds.has(hold))
  table.requests = table.requests.filter((one) => !requests.has(one))
  for (const thing of gone) if (thing.kind === 'frozen') table.freezes.delete(thing.prefix)
  try {
    return table.mayHave(request.asks, request)
  } finally {
    table.holds = before.holds
    table.requests = before.requests
    table.freezes.clear()
    for (const [prefix, freeze] of before.freezes) table.freezes.set(prefix, freeze)
  }
}

/** Enough is named, nothing is named that is not in the way, and all of it stands where the request waits. */
export function judgeBlockers(model: Model, request: ModelRequest, blockers: readonly Blocker[]): void {
  const { table } = model
  const things = blockers.map((blocker) => thingOf(model, blocker))
  demand(hasItsTurnWithout(model, request, things), 'without all that is named it would still wait')
  for (const thing of things) {
    const name = thing.kind === 'hold' ? thing.hold.name : thing.name
    const ask = request.asks.find((one) => one.name === name)
    if (ask === undefined) throw new Wrong(`it does not ask for ${name}`)
    if (thing.kind === 'place') {
      demand(
        table.placesBefore(name, request).some((one) => one.request === thing.request),
        'it asked before',
        thing.name,
      )
    }
    // Of several permits a single one may leave room enough.
    const counted = table.limitFor(name, ask.limit) > 0 && thing.kind !== 'frozen'
    const stay = things.filter((one) => one === thing || (counted && one.kind !== 'frozen' && nameOf(one) === name))
    const gone = things.filter((one) => !stay.some((staying) => isSame(staying, one)))
    demand(!hasItsTurnWithout(model, request, gone), 'it would have its turn beside', [name, thing.kind])
  }
  for (const { name, limit } of request.asks) {
    if (table.limitFor(name, limit) === 0) continue
    const found = things.filter((one) => one.kind !== 'frozen' && nameOf(one) === name).length
    const all = table.holdsOf(name).length + table.placesBefore(name, request).length
    demand(found === 0 || found === all, `some of what counts at ${name} is missing`, [found, all])
  }
  const keys = things.map(keyOf)
  demandSame('how many there are', new Set(keys).size, keys.length)
}

/** Named twice perhaps: a request that stands before at several names, a freeze of several. */
export function isSame(a: Thing, b: Thing): boolean {
  if (a.kind === 'hold' && b.kind === 'hold') return a.hold === b.hold
  if (a.kind === 'place' && b.kind === 'place') return a.request === b.request
  return a.kind === 'frozen' && b.kind === 'frozen' && a.prefix === b.prefix
}

const nameOf = (thing: Thing): string => (thing.kind === 'hold' ? thing.hold.name : thing.name)

function keyOf(thing: Thing): string {
  if (thing.kind === 'hold') return `hold ${thing.hold.name} ${thing.hold.token}`
  if (thing.kind === 'frozen') return `frozen ${thing.name} ${thing.prefix}`
  return `place ${thing.name} ${thing.request.session.id} ${thing.request.request}`
}

// ------------------------------------------------------------------------------------------------------ when it is free

/** Whether the hold ends though nobody does anything: it is over already, has a time, or its client is gone. */
export const endsByItself = ({ phase, ttlMs, session }: ModelHold): boolean =>
  phase !== 'held' || ttlMs > 0 || session?.place === null

/** That nobody knows when it is free: with all gone that ends by itself, it would still wait. */
export function judgeOpenEnd(model: Model, request: ModelRequest, { free }: WaitReport): void {
  const { holds, freezes } = model.table
  const gone: Thing[] = [
    ...holds.filter(endsByItself).map((hold) => ({ kind: 'hold', hold }) as const),
    ...[...freezes.values()]
      .filter(({ untilWallMs }) => untilWallMs > 0)
      .map(({ prefix }) => ({ kind: 'frozen', prefix, name: '' }) as const),
  ]
  const isFreed = hasItsTurnWithout(model, request, gone)
  demandSame('whether it becomes free by itself', free !== null, isFreed)
}

// ------------------------------------------------------------------------------------------------------------ the chain

/** Each link is true, it goes on where it can, and it takes a way that goes on if there is one. Returns how long it is. */
export function judgeChain(model: Model, first: ModelRequest, chain: Chain, most: number): number {
  const { links, end } = chain
  demand(isWay(model, chain, most, [first], []), 'a chain that is not so', { links, end })
  return links.length
}

/**
 * Whether the links behind `seen` can be told of one of these requests. A link names a client, and that may wait twice: so every
 * way to read it is tried.
 */
function isWay(
  model: Model,
  { links, end }: Chain,
  most: number,
  current: readonly ModelRequest[],
  seen: readonly ModelRequest[],
): boolean {
  const link = links[seen.length]
  if (link === undefined) {
    if (end === 'circle') return current.some((request) => seen.includes(request))
    if (end === 'cut') return links.length === most && current.length > 0
    if (end === 'frozen') return current.some(isFrozenOnly(model))
    return seen.length > 0 ? current.length === 0 : current.every(isFitting(model))
  }
  return current.some((request) => {
    if (seen.includes(request) || !isTrueOf(model, request, link)) return false
    const next = nextAfter(model, request, link)
    if (link.token > 0 && next.length === 0 && hasWaitingHolder(model, request)) return false
    return isWay(model, { links, end }, most, next, [...seen, request])
  })
}

const isFitting =
  ({ table }: Model) =>
  (request: ModelRequest): boolean =>
    request.asks.every((ask) => table.fits(ask, request))

const isFrozenOnly =
  ({ table }: Model) =>
  (request: ModelRequest): boolean =>
    request.asks.every((ask) => table.fits(ask, request) && table.freezeOf(ask.name) !== null)

function isTrueOf({ table }: Model, request: ModelRequest, link: Link): boolean {
  const ask = request.asks.find(({ name }) => name === link.name)
  if (ask === undefined || table.fits(ask, request) || request.session.id !== link.session) return false
  if (labelOf(request.session) !== link.holder) return false
  if (link.token === 0) {
    const before = table.placesBefore(link.name, request).map((one) => one.request.session)
    return before.some((session) => session.id === link.ofSession && labelOf(session) === link.of)
  }
  const hold = table.holdsOf(link.name).find(({ token }) => token === link.token)
  return hold !== undefined && link.of === (hold.phase === 'tail' ? '' : hold.holder) && isInTheWay(table, ask, hold)
}

type Ask = ModelRequest['asks'][number]

const isInTheWay = (table: Model['table'], { name, amount, limit }: Ask, hold: ModelHold): boolean => {
  const inForce = table.limitFor(name, limit)
  return inForce > 0 || amount === EXCLUSIVE || !goesBeside(amount, [hold.amount], inForce)
}

/** Those who wait, and on whom what is in the way depends. */
function nextAfter({ table }: Model, request: ModelRequest, link: Link): readonly ModelRequest[] {
  if (link.token === 0) {
    const before = table.placesBefore(link.name, request).map((one) => one.request)
    return before.filter(({ session }) => session.id === link.ofSession)
  }
  const hold = table.holdsOf(link.name).find(({ token }) => token === link.token)
  return hold === undefined ? [] : keepersOf(table, hold, request)
}

function keepersOf(table: Model['table'], hold: ModelHold, asker: ModelRequest): readonly ModelRequest[] {
  if (hold.phase !== 'held') return []
  return table.requests.filter(({ keeps, session, ...rest }) => {
    if (session === asker.session && rest.request === asker.request) return false
    if (keeps === 'all') return hold.session === session
    return keeps.some(({ name, token }) => name === hold.name && token === hold.token)
  })
}

function hasWaitingHolder({ table }: Model, request: ModelRequest): boolean {
  return request.asks.some((ask) => {
    if (table.fits(ask, request)) return false
    const holds = table.holdsOf(ask.name).filter((hold) => isInTheWay(table, ask, hold))
    return holds.some((hold) => keepersOf(table, hold, request).length > 0)
  })
}
