/**
 * Locks as bytes. Under level 1 one record has a name with its holder and all who wait. From level 2 on holds and requests
 * are records of their own, so that one busy name is no long record, and names follow from them; what does not follow, the
 * limit of a semaphore, comes first.
 */
import type { ByteReader } from '../../bytes/reader.js'
import type { ByteWriter } from '../../bytes/writer.js'
import { EXCLUSIVE } from '../commands/commands.js'
import { Hold, type LockEntry, LockRequest, Place, type Session } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { type HoldOwner, type HoldPhase, HoldTerms } from '../state/terms.js'
import { pick } from './answer-records.js'
import { RecordKind } from './records.js'

// The numbers of words are their places here: new ones come last.
const PHASES: readonly HoldPhase[] = ['held', 'forced', 'ttl', 'tail']

// --------------------------------------------------------------------------------------------------- level 1

/** A holder of 0 means: nobody, and it is delayed. */
export function writeLock(out: ByteWriter, lock: LockEntry): void {
  const hold = lock.firstHold
  out.byte(RecordKind.lock)
  out.text(lock.name)
  out.wide(hold?.session?.id ?? 0)
  out.wide(hold?.token ?? 0)
  out.wide(hold?.sinceWallMs ?? 0)
  out.text(hold?.meta ?? '')
  out.varint(hold?.terms?.delayMs ?? 0)
  out.varint(lock.placeCount)
  for (let place = lock.queue?.head ?? null; place !== null; place = place.next) {
    const { session, request, waitMs, meta, terms, wallMs } = place.request
    out.wide(session.id)
    out.signed(request)
    out.signed(waitMs)
    out.text(meta)
    out.varint(terms?.delayMs ?? 0)
    out.wide(wallMs)
  }
}

/** What was read of locks, to be put together when all of it is there. */
export interface ReadLocks {
  readonly holds: { hold: Hold; session: Session | null }[]
  readonly requests: LockRequest[]
}

export function readLock(input: ByteReader, state: LockState, read: ReadLocks): void {
  const name = input.text()
  if (state.locks.has(name)) input.fail(`lock ${name} comes twice`)
  const lock = state.lockNamed(name, 0)
  const holder = input.wide()
  const hold = new Hold(lock, input.wide(), EXCLUSIVE, input.wide(), 0)
  const meta = input.text()
  hold.terms = delayTerms(input.varint())
  if (meta !== '') hold.withTerms().meta = meta
  if (holder === 0) hold.withTerms().phase = 'tail'
  read.holds.push({ hold, session: holder === 0 ? null : sessionOf(input, state, holder) })
  for (let left = input.varint(); left > 0; left--) {
    const session = sessionOf(input, state, input.wide())
    const request = input.signed()
    const waitMs = input.signed()
    const meta = input.text()
    const terms = delayTerms(input.varint())
    const waiting = new LockRequest(session, request, 0, waitMs, meta, terms, 'all', input.wide(), 0)
    waiting.places.push(new Place(waiting, lock, EXCLUSIVE))
    read.requests.push(waiting)
  }
}

function delayTerms(delayMs: number): HoldTerms | null {
  return delayMs === 0 ? null : new HoldTerms(delayMs, 0, 0, false, '', 0)
}

function sessionOf(input: ByteReader, state: LockState, id: number): Session {
  return state.sessions.get(id) ?? input.fail(`session ${id} is unknown`)
}

// --------------------------------------------------------------------------------------------------- level 2

export function writeSemaphore(out: ByteWriter, { name, limit }: LockEntry): void {
  out.byte(RecordKind.semaphore)
  out.text(name)
  out.varint(limit)
}

export function readSemaphore(input: ByteReader, state: LockState): void {
  const name = input.text()
  if (state.locks.has(name)) input.fail(`semaphore ${name} comes twice`)
  const limit = input.varint()
  if (limit === 0) input.fail(`semaphore ${name} has no limit`)
  state.lockNamed(name, limit)
}

export function writeHold(out: ByteWriter, hold: Hold): void {
  out.byte(RecordKind.hold)
  out.text(hold.lock.name)
  out.wide(hold.token)
  out.signed(hold.amount)
  out.wide(hold.sinceWallMs)
  out.wide(hold.session?.id ?? 0)
  out.signed(hold.request)
  const { terms } = hold
  writeTerms(out, terms)
  if (terms === null) return
  out.text(terms.meta)
  out.byte(PHASES.indexOf(terms.phase))
  out.bool(terms.owner !== null)
  if (terms.owner === null) return
  out.wide(terms.owner.session)
  out.text(terms.owner.label)
  out.text(terms.owner.secretHash)
  out.bool(terms.owner.identity !== null)
  out.text(terms.owner.identity ?? '')
}

export function readHold(input: ByteReader, state: LockState, read: ReadLocks): void {
  const lock = state.lockNamed(input.text(), 0)
  const hold = new Hold(lock, input.wide(), readAmount(input, lock), input.wide(), 0)
  const session = input.wide()
  hold.request = input.signed()
  hold.terms = readTerms(input)
  if (hold.terms !== null) {
    hold.terms.meta = input.text()
    hold.terms.phase = pick(input, PHASES)
    if (input.bool()) hold.terms.owner = readOwner(input)
  }
  read.holds.push({ hold, session: session === 0 ? null : sessionOf(input, state, session) })
}

function readOwner(input: ByteReader): HoldOwner {
  const owner = { session: input.wide(), label: input.text(), secretHash: input.text() }
  const isKnown = input.bool()
  const identity = input.text()
  return { ...owner, identity: isKnown ? identity : null }
}

function readAmount(input: ByteReader, lock: LockEntry): number {
  const amount = input.signed()
  if (amount < EXCLUSIVE || amount > 0 !== lock.limit > 0) input.fail(`${amount} permits of ${lock.name}`)
  return amount
}

export function writeRequest(out: ByteWriter, waiting: LockRequest): void {
  out.byte(RecordKind.request)
  out.wide(waiting.session.id)
  out.signed(waiting.request)
  out.wide(waiting.number)
  out.signed(waiting.waitMs)
  out.text(waiting.meta)
  writeTerms(out, waiting.terms)
  const { keeps } = waiting
  out.bool(keeps === 'all')
  if (keeps !== 'all') {
    out.varint(keeps.length)
    for (const { name, token } of keeps) {
      out.text(name)
      out.wide(token)
    }
  }
  out.wide(waiting.wallMs)
  out.varint(waiting.places.length)
  for (const { lock, amount } of waiting.places) {
    out.text(lock.name)
    out.signed(amount)
  }
}

export function readRequest(input: ByteReader, state: LockState, read: ReadLocks): void {
  const session = sessionOf(input, state, input.wide())
  const request = input.signed()
  const number = input.wide()
  const waitMs = input.signed()
  const meta = input.text()
  const terms = readTerms(input)
  const keeps = input.bool() ? 'all' : readKept(input)
  const waiting = new LockRequest(session, request, number, waitMs, meta, terms, keeps, input.wide(), 0)
  for (let left = input.varint(); left > 0; left--) {
    const lock = state.lockNamed(input.text(), 0)
    waiting.places.push(new Place(waiting, lock, readAmount(input, lock)))
  }
  if (waiting.places.length === 0) input.fail(`request ${request} of session ${session.id} asks for nothing`)
  read.requests.push(waiting)
}

function readKept(input: ByteReader): { name: string; token: number }[] {
  const kept: { name: string; token: number }[] = []
  for (let left = input.varint(); left > 0; left--) kept.push({ name: input.text(), token: input.wide() })
  return kept
}

function writeTerms(out: ByteWriter, terms: HoldTerms | null): void {
  out.bool(terms !== null)
  if (terms === null) return
  out.varint(terms.delayMs)
  out.varint(terms.minHoldMs)
  out.varint(terms.ttlMs)
  out.bool(terms.loose)
  out.text(terms.once)
  out.varint(terms.onceTtlMs)
}

function readTerms(input: ByteReader): HoldTerms | null {
  if (!input.bool()) return null
  return new HoldTerms(input.varint(), input.varint(), input.varint(), input.bool(), input.text(), input.varint())
}
