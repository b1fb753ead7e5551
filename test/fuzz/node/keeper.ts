/** Who has a session with something to hide, at a node that is attacked all the time: it has to stay served. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Finding, type Trail } from '../area.js'
import { ownNow } from '../own-time.js'
import { KEEPER_TOKEN } from './accounts.js'
import type { Dialled } from './dialled.js'
import type { FuzzedNode } from './fuzzed-node.js'
import { HIDDEN, KNOWN_NAME } from './planted.js'

/** Longer than any case takes: it speaks once in each. */
const LEASE_S = 3_600
const ANSWER_MAX_MS = 10_000
const RETRY_MS = 200
const NOT_NOW = /code:(?:no-quorum|busy)/

export class Keeper {
  #text = ''
  #asked = 0
  #secret = ''
  /** Its token, by name. */
  readonly #holds = new Map<string, string>()

  private constructor(private readonly dialled: Dialled) {
    dialled.onText = (text) => {
      this.#text += text
    }
  }

  /** As soon as the node serves: until then it sends everybody away. */
  static async begin(node: FuzzedNode): Promise<Keeper> {
    const untilMs = ownNow() + ANSWER_MAX_MS
    for (;;) {
      const dialled = await node.dial('client', null)
      if (dialled === null) throw new Finding('an honest client finds no way in', [])
      const keeper = new Keeper(dialled)
      if (await keeper.#open(node.kind.hasAccounts)) return keeper
      if (ownNow() > untilMs) throw new Finding(`the node does not serve: ${keeper.#text}`, [])
      dialled.reset()
      await sleep(RETRY_MS)
    }
  }

  /** What nobody else may hear. */
  get secrets(): readonly string[] {
    return [this.#secret]
  }

  get lockCount(): number {
    return this.#holds.size
  }

  /** It is answered, and has what it had. */
  async check(trail: Trail): Promise<void> {
    try {
      for (const [name, token] of this.#holds) {
        const told = await this.#ask(
          () => `check,id:${this.#next()},name:${name},token:${token}`,
          /^(valid|stale),id:\d+$/m,
        )
        if (!told.startsWith('valid')) throw new Error(`its hold of ${name}: ${told}`)
      }
      await this.#ask(() => '.keepalive', /^alive$/m)
    } catch (error) {
      throw new Finding(`the keeper: ${String(error)}`, trail.lines)
    }
  }

  async leave(): Promise<void> {
    this.dialled.say('bye\n')
    this.dialled.end()
    await this.dialled.until(() => this.dialled.isClosed, ANSWER_MAX_MS)
  }

  /** False: not now. */
  async #open(hasAccounts: boolean): Promise<boolean> {
    const proof = hasAccounts ? `,auth:${KEEPER_TOKEN}` : ''
    const hello = `hello,version:2,redirect:no,lease:${LEASE_S},client-id:${HIDDEN}-keeper${proof}`
    const welcome = await this.#ask(() => hello, /^(?:welcome|err),.*$/m)
    if (NOT_NOW.test(welcome)) return false
    this.#secret = /secret:([^,\n]+)/.exec(welcome)?.[1] ?? ''
    // Where everybody may break, a name that everybody knows is nobody's for long.
    const names = [...(hasAccounts ? [KNOWN_NAME] : []), `${HIDDEN}/a`, `${HIDDEN}-top`]
    for (const name of names) {
      const held = await this.#ask(() => `lock,id:${this.#next()},name:${name},meta:${HIDDEN}-meta`, /^ok,.*$/m)
      this.#holds.set(name, /token:(\d+)/.exec(held)?.[1] ?? '')
    }
    if (!hasAccounts) return true
    const frozen = `prefix:${HIDDEN}/frozen/,reason:${HIDDEN}-reason`
    await this.#ask(() => `.freeze,id:${this.#next()},${frozen}`, /^frozen,.*$/m)
    return true
  }

  #next(): number {
    this.#asked += 1
    return this.#asked
  }

  /** Again, where the node had no time for it: a busy machine is no fault of the node's. */
  async #ask(line: () => string, answer: RegExp): Promise<string> {
    const untilMs = ownNow() + ANSWER_MAX_MS
    for (;;) {
      const said = line()
      this.#text = ''
      this.dialled.say(`${said}\n`)
      const isTold = (): boolean => answer.test(this.#text) || NOT_NOW.test(this.#text)
      await this.dialled.until(isTold, ANSWER_MAX_MS)
      const told = answer.exec(this.#text)?.[0]
      if (told !== undefined) return told
      const mayCome = NOT_NOW.test(this.#text) || this.#text === ''
      if (this.dialled.isClosed || !mayCome || ownNow() > untilMs) {
        throw new Error(`no answer to ${said}: ${JSON.stringify(this.#text)}${this.dialled.isClosed ? ', closed' : ''}`)
      }
    }
  }
}
