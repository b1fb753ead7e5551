/**
 * A cluster of level 2 and its clients, as a test plays them: `a.ask('x y@shared z@2/3')`. Each command goes to the model as
 * well, and to a replica that is restored on the way: whatever a test does, those must agree (`world.ts`).
 */
import {
  type Ask,
  type AskCommand,
  type AskTerms,
  type Command,
  CommandType,
  EXCLUSIVE,
  HOLD_CLOCKS,
  type HoldClock,
  SHARED,
} from '../../../src/locks/commands/commands.js'
import type { Answer, Effect } from '../../../src/locks/effects.js'
import { World } from './world.js'

export interface AskOptions extends Partial<Omit<AskTerms, 'keepsAll' | 'keeps'>> {
  /** `all` unless said; `none`, or `x@TOKEN` one after the other. */
  readonly holding?: string
  /** Repeats an earlier request. */
  readonly id?: number
}

export class Stage {
  readonly world: World
  #step = 0
  #conn = 1

  constructor(seed = 1) {
    this.world = new World(seed)
  }

  get machine() {
    return this.world.machine
  }

  apply(command: Command): readonly Effect[] {
    this.#step += 1
    return this.world.apply(this.#step * 1_000, command)
  }

  /** A session at n1, or at another node. */
  client(clientId: string, options: ClientOptions = {}): Client {
    const { leaseMs = 10_000, lingerMs = 0, at = 0, identity = '' } = options
    const place = { node: `n${at + 1}`, epoch: 10_000 + at }
    const header = { ...place, conn: this.nextConn(), floor: 1 }
    const opening = { ...header, clientId, identity, leaseMs, lingerMs, secretHash: clientId }
    const opened = this.apply({ type: CommandType.open, ...opening }).find(({ kind }) => kind === 'opened')
    if (opened?.kind !== 'opened') throw new Error('not opened')
    return new Client(this, opened.session, clientId, place, identity)
  }

  /** A classic connection at n1, and its one lock; its session, and what everybody was told. */
  classic(clientId: string, name: string): { session: number; words: string[] } {
    const opening = {
      node: 'n1',
      epoch: 10_000,
      conn: this.nextConn(),
      floor: 1,
      clientId,
      ...askIn(name),
    }
    const terms = { waitMs: -1, meta: '', delayMs: 0, wallMs: 10 }
    const effects = this.apply({ type: CommandType.openClassic, ...opening, ...terms })
    const opened = effects.find(({ kind }) => kind === 'opened')
    if (opened?.kind !== 'opened') throw new Error('not opened')
    return { session: opened.session, words: wordsOf(effects) }
  }

  nextConn(): number {
    this.#conn += 1
    return this.#conn
  }

  /** Who holds the name now, tails and losses among them: `A`, `A/shared`, `tail`, `A:forced`. */
  holders(name: string): string[] {
    const lock = this.machine.inspect().locks.get(name)
    return [...(lock?.holds() ?? [])].map(({ label, phase }) => {
      if (phase === 'tail') return 'tail'
      return phase === 'held' ? label : `${label}:${phase}`
    })
  }

  tokenOf(name: string, at = 0): number {
    return [...(this.machine.inspect().locks.get(name)?.holds() ?? [])][at]?.token ?? 0
  }

  timeOver(name: string, clock: HoldClock, token = this.tokenOf(name)): string[] {
    return wordsOf(
      this.apply({ type: CommandType.timeOver, name, token, clock: HOLD_CLOCKS.indexOf(clock), wallMs: 0 }),
    )
  }
}

/** A stage, and a client for each name: `const { A, B, stage } = cast('A', 'B')`. */
export function cast<N extends string>(...names: N[]): Record<N, Client> & { stage: Stage } {
  const stage = new Stage()
  const clients = Object.fromEntries(names.map((name) => [name, stage.client(name)]))
  return { ...(clients as Record<N, Client>), stage }
}

export interface ClientOptions {
  readonly leaseMs?: number
  readonly lingerMs?: number
  readonly at?: 0 | 1 | 2
  readonly identity?: string
}

export class Client {
  /** Of the last request. */
  id = 0
  n = 0
  ack = 0
  attach = 1

  constructor(
    readonly stage: Stage,
    readonly session: number,
    readonly name: string,
    public place: { readonly node: string; readonly epoch: number },
    readonly identity = '',
  ) {}

  header() {
    this.n += 1
    return { ...this.attachment(), n: this.n, ack: this.ack }
  }

  attachment() {
    return { ...this.place, session: this.session, attach: this.attach }
  }

  #asking(id?: number) {
    this.id = Math.max(this.id, id ?? this.id + 1)
    return { ...this.header(), request: id ?? this.id }
  }

  /** What everybody was told, in words. Waits for ever unless told otherwise. */
  ask(names: string, options: AskOptions = {}): string[] {
    return wordsOf(this.stage.apply(this.askCommand(names, options)))
  }

  askCommand(names: string, options: AskOptions = {}): AskCommand {
    const { holding = 'all', id, ...terms } = options
    const kept = holding === 'all' || holding === 'none' ? [] : holding.split(' ')
    const keeps = kept.map((one) => {
      const [name = '', token = '0'] = one.split('@')
      return { name, token: Number(token) }
    })
    const asks = names
      .split(' ')
      .filter((name) => name !== '')
      .map(askIn)
    const words = { ...NO_TERMS, ...terms, keepsAll: holding === 'all', keeps }
    return { type: CommandType.ask, ...this.#asking(id), asks, ...words }
  }

  release(name: string, token = 0, done = false): string[] {
    const asking = this.#asking()
    return wordsOf(this.stage.apply({ type: CommandType.release, ...asking, name, token, done, wallMs: 50 }))
  }

  cancel(target = this.id): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.cancel, ...this.#asking(), target }))
  }

  timeout(target = this.id): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.waitTimeout, ...this.header(), target }))
  }

  unlock(name: string, token = 0, of: Client | null = null, ofAnyone = false): string[] {
    const by = { owner: of?.session ?? 0, secretHash: of?.name ?? '', ofAnyone }
    return wordsOf(this.stage.apply({ type: CommandType.unlock, ...this.#asking(), name, token, ...by, wallMs: 50 }))
  }

  force(name: string, token = this.stage.tokenOf(name), now = false): string[] {
    const words = { reason: 'stuck', now, wallMs: 50 }
    return wordsOf(this.stage.apply({ type: CommandType.forceRelease, ...this.#asking(), name, token, ...words }))
  }

  resize(name: string, limit: number): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.resize, ...this.#asking(), name, limit }))
  }

  freeze(prefix: string, untilWallMs = 0, isOver = false): string[] {
    const words = { untilWallMs, isOver, reason: 'upkeep', wallMs: 50 }
    return wordsOf(this.stage.apply({ type: CommandType.freeze, ...this.#asking(), prefix, ...words }))
  }

  thaw(prefix: string): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.thaw, ...this.#asking(), prefix }))
  }

  forget(key: string): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.forget, ...this.#asking(), key }))
  }

  /** Its client cannot believe in this hold any more. */
  letGo(name: string, token = this.stage.tokenOf(name)): string[] {
    const { session, attach } = this
    return wordsOf(this.stage.apply({ type: CommandType.letGo, name, token, session, attach }))
  }

  bye(bye = true): string[] {
    return wordsOf(this.stage.apply({ type: CommandType.end, ...this.attachment(), bye, wallMs: 50 }))
  }

  detach(fin = false, leaseOnly = false): string[] {
    const how = { fin, leaseOnly }
    return wordsOf(this.stage.apply({ type: CommandType.detach, ...this.attachment(), ...how, wallMs: 50 }))
  }

  expire(): string[] {
    const { session, attach } = this
    return wordsOf(this.stage.apply({ type: CommandType.expireSession, session, attach, wallMs: 50 }))
  }

  /** At the same node; the view of the session as the connection is told of it. */
  resume() {
    const effects = this.tryToResume(this.identity)
    const resumed = effects.find(({ kind }) => kind === 'resumed')
    if (resumed?.kind !== 'resumed') throw new Error('not resumed')
    this.attach = resumed.attach
    this.n = 0
    return resumed.view
  }

  /** As that identity, or at a node that asks nobody who it is. */
  tryToResume(identity: string, asAnyone = false): readonly Effect[] {
    const opening = { ...this.place, conn: this.stage.nextConn(), floor: 1, session: this.session }
    const by = { secretHash: this.name, attempt: 0, identity, asAnyone }
    return this.stage.apply({ type: CommandType.resume, ...opening, ...by })
  }
}

const NO_TERMS = {
  waitMs: -1,
  meta: '',
  delayMs: 0,
  minHoldMs: 0,
  ttlMs: 0,
  loose: false,
  once: '',
  onceTtlMs: 0,
  keepsAnyones: false,
  wallMs: 10,
}

/** `x`, `x@shared`, `x@2/3`. */
function askIn(word: string): Ask {
  const [name = '', how = 'exclusive'] = word.split('@')
  if (how === 'shared') return { name, amount: SHARED, limit: 0 }
  const [permits = '', limit] = how.split('/')
  return limit === undefined
    ? { name, amount: EXCLUSIVE, limit: 0 }
    : { name, amount: Number(permits), limit: Number(limit) }
}

/** What clients were told, by request: `1 ok x`, `2 queued x 1`, `3 held x of A`, `1 deadlock`. */
export function wordsOf(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind === 'queued') return [`${effect.request} queued ${effect.name} ${effect.position}`]
    if (effect.kind === 'lost') return [`lost ${effect.name} ${effect.reason}`]
    return effect.kind === 'answered' ? [`${effect.request} ${inWords(effect.answer)}`] : []
  })
}

function inWords(answer: Answer): string {
  switch (answer.kind) {
    case 'granted':
      return `ok ${answer.grants.map(({ name, ended }) => (ended === null ? name : `${name}:${ended}`)).join(' ')}`
    case 'not-granted':
      return [answer.reason, answer.name, answer.holder].filter((word) => word !== '').join(' ')
    case 'done':
      return `done ${answer.key} ${answer.holder}`
    case 'error':
      return answer.code
    default:
      return answer.kind
  }
}
