/**
 * What a session client asks for and is told, over all the connections of its session: requests with their numbers, repeated until
 * they are answered, and the locks that it believes in.
 */
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import type { ClientConnection } from '../network/client-connection.js'
import type { Process } from '../process.js'
import { drawAsking, isShortKey } from './asks.js'
import { type ClientWorld, field, numberField } from './client.js'
import { countLate, isOfOneLineOnly, isRepeatable } from './lock-lines.js'
import { drawOperation } from './operating.js'
import { EXPECTED_ERRORS, type Request, type Session, type Told } from './session-request.js'
import { ToldHolds } from './told-holds.js'

const RETRY_MS = 150
const LOCKS_AT_ONCE = 4

/** The session, its connection and its lease. */
export interface Standing {
  readonly name: string
  readonly process: Process
  readonly session: Session | null
  readonly link: ClientConnection | null
  /** The session is open on this connection, and its client is not about to leave it. */
  readonly isOpen: boolean
  readonly isLeaving: boolean
  /** Of the client's mirror of the lease. */
  remainingMs(): number
}

export class SessionWork {
  /** Locks as the node told them; what is believed is in `believes`. */
  readonly held = new ToldHolds()
  /** As they were told before the resume that goes on. */
  #before: ReadonlyMap<number, Told> = new Map()
  /** Its answer was repeated: it is believed when the next word comes, because what has ended since is told in the same write. */
  #unconfirmed: Request | null = null
  readonly #requests = new Map<number, Request>()
  #nextId = 1
  #acknowledged = 0

  constructor(
    private readonly standing: Standing,
    private readonly deps: ClientWorld,
    private readonly isOperator: boolean,
  ) {}

  believes(lock: string): readonly number[] {
    const { standing, held } = this
    const bound = standing.remainingMs() > 0 ? held.tokensOf(lock) : []
    return [...bound, ...held.looseOf(lock, standing.process.clock.speakerNow())]
  }

  // ----------------------------------------------------------------------------- what befalls the session

  /** The session is over. */
  forget(): void {
    this.held.clear()
    this.#requests.clear()
    this.#unconfirmed = null
    this.#nextId = 1
    this.#acknowledged = 0
  }

  unlinked(): void {
    this.#unconfirmed = null
  }

  /** What the list that follows does not name is not held. */
  welcomed(): void {
    this.#before = this.held.forgetBound()
  }

  ready(): void {
    this.#acknowledged = 0
    for (const request of this.open()) this.#send(request)
  }

  confirmed(): void {
    for (const told of this.held.all()) this.#checkBelief(told)
  }

  // ------------------------------------------------------------------------------------ what is told

  /** Before anything else is read of this line. */
  heard(word: string, line: string): void {
    const request = this.#unconfirmed
    if (request === null || belongsTo(request, word, line)) return
    this.#unconfirmed = null
    if (request.answer === null) this.#granted(request)
  }

  /** The list after a resume has it. Its terms were told with the answer, if that has come. */
  found(name: string, token: number): void {
    this.deps.checks.holds.foundAgain(token)
    this.#hold(this.#before.get(token) ?? { name, token, amount: 0, asking: null })
  }

  #hold(told: Told): void {
    if (this.standing.isLeaving) return
    // What is being released is not believed in, though the list after a resume may still have it.
    if (this.open().some(({ kind, hold }) => kind === 'release' && hold?.token === told.token)) return
    this.held.add(told)
    this.#checkBelief(told)
  }

  #checkBelief({ name, token }: Told): void {
    if (this.believes(name).includes(token)) this.deps.checks.locks.believed(this.standing.name, name, token)
  }

  lost(line: string): void {
    const [token, reason] = [numberField(line, 'token'), field(line, 'reason') ?? '']
    this.deps.world.count(`lost told: ${reason}`)
    this.#unconfirmed?.ended.add(token)
    const told = this.held.get(token)
    if (reason === 'ttl') this.deps.checks.holds.ttlEnded(this.standing.name, token, told?.asking?.ttlMs ?? 0)
    this.held.remove(token)
  }

  answer(id: number, word: string, line: string): void {
    const request = this.#requests.get(id)
    if (word === 'queued' || request === undefined) return
    if (request.kind === 'lock' && word === 'released') {
      // Said with an answer that is repeated: what it gave has been released since.
      for (const ok of request.oks)
        if (field(ok, 'name') === field(line, 'name')) request.ended.add(numberField(ok, 'token'))
      return
    }
    if (word === 'err' && !isExpected(request, field(line, 'code') ?? ''))
      this.deps.world.fail(`${this.standing.name} got ${line}`)
    if (isOfOneLineOnly(request, line)) {
      this.standing.process.clock.after(
        RETRY_MS,
        () => request.answer === null && this.standing.isOpen && this.#send(request),
      )
      return
    }
    const isOfLog = request.kind !== 'check' && !line.includes('code:no-quorum')
    if (isOfLog)
      this.deps.checks.log.told(this.standing.name, Number(this.standing.session?.id), id, request.askedAfter, line)
    if (request.answer !== null) {
      if (request.kind !== 'check' && !request.answer.includes(line))
        this.deps.world.fail(`${this.standing.name}: "${request.answer.join('" "')}" became "${line}" when repeated`)
      this.deps.world.count('answer repeated')
      return
    }
    if (word !== 'ok') {
      this.#answered(request, word, line)
      return
    }
    if (!request.oks.includes(line)) request.oks.push(line)
    if (request.oks.length < (request.asking?.asked.length ?? 1)) return
    if (request.sends > 1) this.#unconfirmed = request
    else this.#granted(request)
  }

  #granted(request: Request): void {
    const { asking, askedAfter, oks } = request
    if (asking === null) return
    const { world, checks } = this.deps
    request.answer = oks
    world.count('session lock: ok')
    if (oks.length > 1) world.count('seen several names granted')
    if (asking.once !== '') checks.marks.granted(this.standing.name, asking.once, askedAfter)
    for (const [index, line] of oks.entries()) {
      const [name, token] = [field(line, 'name') ?? '', numberField(line, 'token')]
      const asked = asking.asked[index]
      if (asked?.name !== name) world.fail(`${this.standing.name} asked for ${asked?.name} and got ${line}`)
      const told: Told = { name, token, amount: asked?.amount ?? 0, asking }
      if (request.ended.has(token)) continue
      checks.holds.minHold(token, asking.minHoldMs)
      if (asking.loose) this.held.addLoose(told, request.firstSentAtMs, this.#owner())
      else this.#hold(told)
    }
  }

  #answered(request: Request, word: string, line: string): void {
    const { world, checks } = this.deps
    const { kind, hold, asking, askedAfter } = request
    request.answer = [line]
    const reason = field(line, 'reason') ?? field(line, 'code')
    world.count(`session ${kind}: ${word}${reason === undefined ? '' : ` ${reason}`}`)
    if (kind === 'lock' && word === 'done') checks.marks.done(this.standing.name, asking?.once ?? '')
    if (kind === 'check' && hold !== null && word !== 'err')
      checks.holds.checked(this.standing.name, hold, askedAfter, word === 'valid')
    const key = marks(request)
    if (key === null) return
    if (word === 'released') checks.marks.isSet(key, checks.log.lastIndex)
    else if (field(line, 'code') === 'not-holder') checks.marks.refused(key, request)
  }

  /** What is said by whoever unlocks in the name of this session. */
  #owner(): string {
    return `session:${this.standing.session?.id},secret:${this.standing.session?.secret}`
  }

  // -------------------------------------------------------------------------------- what is asked

  acknowledgement(): string {
    if (this.deps.world.random.chance(0.5)) return ''
    let upTo = this.#acknowledged
    for (let request = this.#requests.get(upTo + 1); request && request.answer !== null; ) {
      this.#requests.delete(++upTo)
      request = this.#requests.get(upTo + 1)
    }
    if (upTo === this.#acknowledged) return ''
    this.#acknowledged = upTo
    return `,ack:${upTo}`
  }

  lock(open: readonly Request[]): void {
    const { deps } = this
    const { session } = this.standing
    if (session === null || open.length + this.held.size >= LOCKS_AT_ONCE) return
    const asked = open.flatMap(({ asking }) => asking?.asked ?? [])
    const busy = new Set([...asked, ...this.held.all()].map(({ name }) => name))
    const kept = this.held.all().map(({ name, token }) => `${name}@${token}`)
    const asking = drawAsking(deps, session, busy, kept)
    if (asking === null) return
    if (isShortKey(asking.once)) deps.checks.marks.disregard(asking.once)
    this.#request('lock', asking.fields, { asking })
  }

  /** What only a cluster of the service level can do. */
  askMore(): void {
    const { random } = this.deps.world
    if ((this.standing.session?.level ?? 0) < SERVICE_LEVEL) return
    const dice = random.float()
    const loose = this.held.pickLoose(random)
    if (loose !== null && dice < 0.4) this.#unlock(loose)
    else if (this.isOperator && dice < 0.7) this.#operate()
    else if (dice < 0.85) {
      const hold = this.held.pickAny(random)
      if (hold !== null) this.#request('check', `name:${hold.name},token:${hold.token}`, { hold })
    } else {
      // It was lost or released long ago: nothing comes of that, and no mark either.
      const hold = this.held.pickPast(random)
      if (hold !== null) this.release(hold)
    }
  }

  #operate(): void {
    const operation = drawOperation(this.deps, this.standing.process.clock.wallNow())
    if (operation === null) return
    const [action = '', fields = ''] = operation.split(/ (.*)/s)
    if (action === '.forget') this.deps.checks.marks.disregard(fields.slice('key:'.length))
    this.#request('operate', fields, { action })
  }

  #unlock({ told, owner }: { readonly told: Told; readonly owner: string }): void {
    this.held.remove(told.token)
    const own = this.deps.world.random.chance(0.5) ? `,${owner}` : ''
    this.#request('unlock', `name:${told.name},token:${told.token}${own}`, { hold: told })
  }

  release(hold: Told): void {
    // From here on it believes nothing of this lock.
    this.held.remove(hold.token)
    const key = hold.asking?.once ?? ''
    const isDone = key !== '' && this.deps.world.random.chance(0.7)
    this.#request('release', `name:${hold.name},token:${hold.token}${isDone ? ',done:yes' : ''}`, { hold })
  }

  open(): Request[] {
    return [...this.#requests.values()].filter(({ answer }) => answer === null)
  }

  #request(
    kind: Request['kind'],
    fields: string,
    { action = kind, asking = null, hold = null }: Partial<Pick<Request, 'asking' | 'hold'>> & { action?: string } = {},
  ): void {
    const id = this.#nextId++
    const request: Request = {
      id,
      kind,
      line: `${action},id:${id},${fields}\n`,
      asking,
      hold,
      askedAfter: this.deps.checks.log.lastIndex,
      firstSentAtMs: this.standing.process.clock.speakerNow(),
      sends: 0,
      sentOn: [],
      oks: [],
      ended: new Set(),
      answer: null,
    }
    this.#requests.set(id, request)
    const key = marks(request)
    if (key !== null) this.deps.checks.marks.tries(key, request)
    this.#send(request)
  }

  #send(request: Request): void {
    const { link } = this.standing
    if (link === null) return
    if (request.sentOn.at(-1) !== link) request.sentOn.push(link)
    request.sends++
    // Its answer is on its way once more, whole.
    if (request.answer === null) request.oks = []
    if (request === this.#unconfirmed) this.#unconfirmed = null
    link.client.send(request.line)
  }

  /** Without `bye`: what it rightly believes to hold leaves its delay behind. */
  leftUnclean(): void {
    if (this.standing.isLeaving || this.standing.remainingMs() <= 0) return
    for (const { token, asking } of this.held.all()) {
      if (asking !== null && asking.ttlMs === 0) this.deps.checks.holds.leftUnclean(token, asking.delayMs)
    }
  }

  /** Sent once more, though it was answered. */
  repeatOne(): void {
    const known = [...this.#requests.values()].filter(isRepeatable)
    if (known.length > 0) this.#send(this.deps.world.random.pick(known))
  }

  cancel({ id }: Request): void {
    this.#request('cancel', `request:${id}`)
  }

  /** A node gets to read a line of a connection that was left, or is being left. */
  late(link: ClientConnection, line: string): void {
    if (this.standing.link !== link) countLate(this.#requests.values(), link, line, this.deps.world)
  }
}

/** Of several `ok`, and of what is said with them. */
function belongsTo(request: Request, word: string, line: string): boolean {
  const isSame = numberField(line, 'id') === request.id
  return word === 'lost' || (isSame && (word === 'ok' || word === 'released'))
}

/** An operator may thaw what is not frozen. */
function isExpected({ kind }: Request, code: string): boolean {
  return EXPECTED_ERRORS.has(code) || (kind === 'operate' && code === 'bad-request')
}

/** The done-mark that it sets. */
function marks({ line, hold }: Request): string | null {
  return line.includes(',done:yes') ? (hold?.asking?.once ?? null) : null
}
