/**
 * A client of the session dialect, as the library is one: it resumes elsewhere, repeats what was not answered, and believes
 * in its locks only within its mirror of the lease (rules.md rule 6).
 */

import { HOLD_FRACTION, HOLD_MARGIN_MS, KEEPALIVES_PER_LEASE } from '../../../src/client/limits.js'
import type { Timer } from '../../../src/platform.js'
import { authPair } from '../accounts.js'
import type { Believer } from '../checks/lock-check.js'
import type { ClientConnection } from '../network/client-connection.js'
import type { Process } from '../process.js'
import { type Client, type ClientWorld, field, Lines, numberField } from './client.js'
import { EXPECTED_ERRORS, type From, fromPair, type Session } from './session-request.js'
import { SessionWork, type Standing } from './session-work.js'

const ANSWER_MS = 2_000
const RETRY_MS = 150
const VANISHED_MS = 20_000
/** Each time it acts: an end without `bye` leaves a delay behind, which is what that is for. */
const FIN_WITH_DELAY = 0.08

export class SessionClient implements Client, Believer, Standing {
  #session: Session | null = null
  /** Where it was welcomed last. */
  #node = ''
  #link: ClientConnection | null = null
  #isWelcome = false
  readonly #work: SessionWork
  /** Who it says it is. */
  readonly #auth: string
  /** The highest number of a `resume` of this session. */
  #attempts = 0
  /** When the last request was sent that a positive word answered, on this host's clock. */
  #confirmedAtMs = 0
  #keepalives: number[] = []
  #openingSentAtMs = 0
  #isFinishing = false
  #isGone = false
  #isLeaving = false
  #beatTimer: Timer | null = null

  constructor(
    readonly name: string,
    readonly process: Process,
    private readonly deps: ClientWorld,
    private readonly thinkMs: number,
    private readonly leaseMs: number,
    private readonly lingerMs: number,
    private readonly says: From,
    isOperator: boolean,
  ) {
    this.#auth = authPair(deps.world.seed, name, isOperator)
    this.#work = new SessionWork(this, deps, isOperator)
    deps.checks.locks.believers.add(this)
  }

  get session(): Session | null {
    return this.#session
  }

  get link(): ClientConnection | null {
    return this.#link
  }

  get isOpen(): boolean {
    return this.#isWelcome && !this.#isLeaving
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  believes(lock: string): readonly number[] {
    return this.#work.believes(lock)
  }

  remainingMs(): number {
    if (this.#session === null) return 0
    const holdMs = HOLD_FRACTION * this.#session.leaseMs - HOLD_MARGIN_MS
    return this.#confirmedAtMs + holdMs - this.process.clock.speakerNow()
  }

  start(): void {
    this.#step()
    this.#connect()
  }

  finish(): void {
    this.#isFinishing = true
  }

  isDone(): boolean {
    return this.#isGone || (this.#isFinishing && this.#session === null && this.#link === null)
  }

  describe(): string {
    const waiting = this.#work.open().map(({ line }) => line.trim())
    return `${this.name}: ${this.#session?.id}, ${this.#isWelcome}, holds ${this.#work.held.all().map(({ name }) => name)}, waits for ${waiting}`
  }

  connection(): ClientConnection | null {
    return this.#link
  }

  // -------------------------------------------------------------------------------------------- connections

  #connect(to?: string): void {
    if (this.#link !== null || this.#isGone || (this.#isFinishing && this.#session === null)) return
    const { world, nodeIds } = this.deps
    const lines = new Lines((line) => {
      if (this.#link === link) this.#line(line)
    })
    const node = to !== undefined && nodeIds().includes(to) ? to : world.random.pick(nodeIds())
    const link = this.deps.dial(this.process, node, {
      text: (text) => lines.push(text),
      closed: () => {
        if (this.#link === link) this.#closed()
      },
      late: (line) => this.#work.late(link, line),
    })
    this.#link = link
    this.#isWelcome = false
    this.#isLeaving = false
    this.#keepalives = []
    this.#openingSentAtMs = this.process.clock.speakerNow()
    const session = this.#session
    if (session === null) {
      const redirect = world.random.chance(0.5) ? ',redirect:no' : ''
      const terms = `lease:${this.leaseMs / 1000},linger:${this.lingerMs / 1000}${redirect}${fromPair(this.says, link)}`
      link.client.send(`hello,version:2,client-id:${this.name},${terms}${this.#auth}\n`)
    } else link.client.send(this.#resume(session, link))
    this.process.clock.after(ANSWER_MS, () => {
      if (this.#link === link && !this.#isWelcome) this.#leave()
    })
  }

  #resume({ id, secret }: Session, link: ClientConnection, isNew = true): string {
    const attempt = isNew ? ++this.#attempts : Math.max(1, this.#attempts)
    return `resume,session:${id},secret:${secret},attempt:${attempt}${fromPair(this.says, link)}${this.#auth}\n`
  }

  /** By reset, so that the session is detached and can be resumed. */
  #leave(to?: string): void {
    this.deps.world.count('session client leaves')
    this.#link?.client.reset()
    this.#closed(to)
  }

  #closed(to?: string): void {
    this.#link = null
    this.#isWelcome = false
    this.#work.unlinked()
    this.#beatTimer?.cancel()
    // Nobody knows whose word the end of that connection was: the session may be over (rule 5).
    if (this.says === 'nothing') this.#work.held.clear()
    const { random } = this.deps.world
    // Some come back at once, some when what they believe is almost over.
    const retryMs = random.around(random.chance(0.3) ? this.leaseMs / 2 : RETRY_MS)
    this.process.clock.after(to === undefined ? retryMs : 0, () => this.#connect(to))
  }

  #forget(): void {
    this.#session = null
    this.#work.forget()
    this.#attempts = 0
  }

  // ------------------------------------------------------------------------------------------------- lines

  #line(line: string): void {
    const word = line.split(',', 1)[0] ?? ''
    this.#work.heard(word, line)
    if (word === 'welcome') this.#welcome(line)
    else if (word === 'held') this.#work.found(field(line, 'name') ?? '', numberField(line, 'token'))
    else if (word === 'ready') this.#ready()
    else if (word === 'alive') this.#alive()
    else if (word === 'lost') this.#work.lost(line)
    else if (word === 'redirect' || word === 'moved') {
      this.deps.world.count(word)
      this.#leave(field(line, 'address')?.split(':')[0])
    } else if (word === 'bye') this.#forget()
    else if (word === 'err' && field(line, 'id') === undefined) this.#refused(line)
    else if (field(line, 'id') !== undefined) this.#work.answer(numberField(line, 'id'), word, line)
    else if (!['jeopardy', 'safe'].includes(word)) this.deps.world.fail(`${this.name} got ${line}`)
  }

  #welcome(line: string): void {
    const resumed = field(line, 'resumed') === 'yes'
    const node = field(line, 'node') ?? ''
    if (resumed && node !== this.#node) this.deps.world.count('seen session resumed elsewhere')
    this.#node = node
    if (!resumed) {
      this.#session = {
        id: field(line, 'session') ?? '',
        secret: field(line, 'secret') ?? '',
        leaseMs: numberField(line, 'lease') * 1_000,
        level: numberField(line, 'level'),
      }
    }
    this.#work.welcomed()
    this.#confirmedAtMs = this.#openingSentAtMs
    if (!resumed) this.#ready()
  }

  #ready(): void {
    this.#isWelcome = true
    this.#work.ready()
    this.#beat()
  }

  #alive(): void {
    const sentAtMs = this.#keepalives.shift()
    if (sentAtMs === undefined) return
    this.#confirmedAtMs = Math.max(this.#confirmedAtMs, sentAtMs)
    this.#work.confirmed()
  }

  #refused(line: string): void {
    const code = field(line, 'code') ?? ''
    this.deps.world.count(`session ${code}`)
    if (!EXPECTED_ERRORS.has(code)) this.deps.world.fail(`${this.name} got ${line}`)
    if (code === 'session-expired') this.#forget()
    if (code === 'superseded') this.#attempts = Math.max(this.#attempts, numberField(line, 'attempt'))
  }

  // ----------------------------------------------------------------------------------------------- actions

  #beat(): void {
    this.#beatTimer?.cancel()
    const session = this.#session
    if (!this.#isWelcome || session === null || this.#isLeaving) return
    const intervalMs = session.leaseMs / KEEPALIVES_PER_LEASE
    const [oldest] = this.#keepalives
    const nowMs = this.process.clock.speakerNow()
    if (oldest !== undefined && nowMs - oldest >= intervalMs) {
      this.#leave()
      return
    }
    this.#keepalives.push(nowMs)
    this.#link?.client.send(`.keepalive${this.#work.acknowledgement()}\n`)
    // Judged after the sockets were read: answers may lie there (rule 7).
    this.#beatTimer = this.process.clock.after(intervalMs, () => this.process.clock.soon(() => this.#beat()))
  }

  #step(): void {
    const { random } = this.deps.world
    if (this.isOpen) this.#act()
    this.process.clock.after(random.around(this.thinkMs), () => this.#step())
  }

  #act(): void {
    const { random } = this.deps.world
    const work = this.#work
    const open = work.open()
    if (this.#isFinishing) {
      for (const told of work.held.all()) work.release(told)
      if (open.length === 0 && work.held.size === 0) this.#bye()
      return
    }
    const dice = random.float()
    if (work.held.hasDelay && random.chance(FIN_WITH_DELAY)) this.#fin()
    else if (dice < 0.36) work.lock(open)
    else if (dice < 0.6) {
      if (work.held.size > 0) work.release(random.pick(work.held.all()))
    } else if (dice < 0.77) work.askMore()
    else if (dice < 0.82) {
      const waiting = open.find(({ kind }) => kind === 'lock')
      if (waiting !== undefined) work.cancel(waiting)
    } else if (dice < 0.88) work.repeatOne()
    else if (dice < 0.93) this.#leave()
    else if (dice < 0.95) this.#bye()
    else if (dice < 0.98) this.#fin()
    else if (dice < 0.99) this.#vanish()
    else this.#race()
  }

  #fin(): void {
    this.deps.world.count('session FIN')
    this.#work.leftUnclean()
    this.#work.held.clear() // it counts on `linger` then, and on nothing before it has resumed
    this.#link?.client.close()
    this.#closed()
  }

  /** A second connection resumes the same session; on the first one, which is superseded if that comes later, it speaks on. */
  #race(): void {
    const session = this.#session
    if (session === null) return
    const { world, nodeIds } = this.deps
    world.count('seen session resumed on a second connection')
    const deaf = { text: () => undefined, closed: () => undefined }
    const rival = this.deps.dial(this.process, world.random.pick(nodeIds()), deaf)
    rival.client.send(this.#resume(session, rival, world.random.chance(0.5)))
    this.process.clock.after(world.random.around(ANSWER_MS), () => rival.client.reset())
  }

  #bye(): void {
    this.deps.world.count('bye')
    this.#isLeaving = true
    this.#work.held.clear()
    const link = this.#link
    link?.client.send('bye\n')
    this.process.clock.after(ANSWER_MS, () => {
      if (this.#link === link) this.#leave()
    })
  }

  /** The host loses its power; what comes back later is another client. */
  #vanish(): void {
    this.deps.world.count('session client vanishes')
    this.#work.leftUnclean()
    this.#link?.client.vanish()
    this.#link = null
    this.#isWelcome = false
    this.#beatTimer?.cancel()
    this.#forget()
    this.#isGone = true
    this.process.clock.after(VANISHED_MS, () => {
      this.#isGone = false
      this.#closed()
    })
  }
}
