/**
 * Everything that strangers say to the ports of a whole node, over real connections: lines, requests, frames, handshakes. It
 * must serve on, tell nobody what is not theirs, write no secret down, and have nothing left of them in the end.
 */
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Area, Finding, type Through, Trail } from '../area.js'
import type { Memory } from '../client-grammar.js'
import { HTTP_TOKEN } from '../http-grammar.js'
import type { Attack } from '../node/attack.js'
import { type Counts, countsOf } from '../node/counts.js'
import { FuzzedNode, type NodeKind } from '../node/fuzzed-node.js'
import { Keeper } from '../node/keeper.js'
import { feedLines } from '../node/line-client.js'
import { around, HIDDEN, TOKEN_START, wordsOf } from '../node/planted.js'
import { feedFrames, feedNoise, feedRequests } from '../node/strangers.js'
import { cameTrue } from '../own-time.js'
import { clientHello } from '../stranger-grammar.js'

const LINE_CLIENTS = 10
const LINES_A_CLIENT = 100
/** Each of these, in every case. */
const STRANGERS = 6
/** Sessions end within a few seconds, and those who were told nothing in time are sent away. */
const REST_MAX_MS = 90_000

interface Attacked {
  readonly node: FuzzedNode
  readonly keeper: Keeper
  readonly hello: Buffer
}

class WholeNode implements Area {
  readonly name: string
  readonly what: string
  readonly through: Through
  readonly isSlow = true
  #attacked: Promise<Attacked> | null = null
  /** Secrets that strangers were told since the logs were looked at: their own, but not the log's. */
  #secrets: string[] = []

  constructor(private readonly kind: NodeKind) {
    const { isTls, hasAccounts } = kind
    this.name = `node-${isTls ? 'tls' : 'plain'}${hasAccounts ? '-accounts' : ''}`
    this.what = `lines, requests, frames, noise at the ports of a whole node; accounts ${hasAccounts ? 'on' : 'off'}`
    this.through = isTls ? 'TLS sockets' : 'sockets'
  }

  async play(seed: number): Promise<number> {
    const random = new SeededRandom(seed)
    const trail = new Trail(40)
    const { node, keeper, hello } = await this.#opened()
    if (random.chance(0.1)) this.#change(node, random)
    const memories: Memory[] = []
    const attackOf = (): Attack => ({
      ...{ node, random: new SeededRandom(random.int(2 ** 31)), trail, memories, hello },
      words: wordsOf(this.kind.hasAccounts, keeper.secrets),
    })
    const fed = await Promise.all([
      ...Array.from({ length: LINE_CLIENTS }, () => feedLines(attackOf(), LINES_A_CLIENT)),
      ...Array.from({ length: STRANGERS }, () => feedRequests(attackOf())),
      ...Array.from({ length: STRANGERS }, () => feedFrames(attackOf())),
      ...Array.from({ length: STRANGERS }, () => feedNoise(attackOf())),
    ])
    this.#secrets.push(...memories.map(({ secret }) => secret).filter((secret) => secret !== ''))
    if (node.isEnded) throw new Finding(`the node ended: ${node.takeLog().slice(-2_000)}`, trail.lines)
    await keeper.check(trail)
    this.#checkWritten(node, keeper, trail)
    return fed.reduce((sum, count) => sum + count, 0)
  }

  async rest(): Promise<void> {
    if (this.#attacked === null) return
    const { node, keeper } = await this.#attacked
    if (this.kind.hasAccounts) node.changeRights(null)
    const asBefore = (counts: Counts): boolean =>
      counts.connections === 1 && counts.sessions === 1 && counts.locks === keeper.lockCount && counts.waiters === 0
    await keeper.check(new Trail())
    let counts: Counts | null = null
    const isQuiet = async (): Promise<boolean> => {
      // Without an answer in time it is asked again.
      counts = await countsOf(node).catch(() => null)
      return counts !== null && asBefore(counts)
    }
    if (!(await cameTrue(isQuiet, REST_MAX_MS))) throw new Finding(`left behind: ${JSON.stringify(counts)}`, [])
  }

  async close(): Promise<void> {
    if (this.#attacked === null) return
    const { node, keeper } = await this.#attacked
    this.#attacked = null
    await keeper.leave()
    const status = await node.close()
    if (status !== 0) throw new Finding(`the node ends with ${status}`, [])
  }

  /** One that did not come about is tried again with the next case. */
  #opened(): Promise<Attacked> {
    this.#attacked ??= this.#begin().catch((error: unknown) => {
      this.#attacked = null
      throw error
    })
    return this.#attacked
  }

  async #begin(): Promise<Attacked> {
    const node = await FuzzedNode.start(this.kind)
    return { node, keeper: await Keeper.begin(node), hello: await clientHello() }
  }

  #change(node: FuzzedNode, random: SeededRandom): void {
    if (this.kind.hasAccounts) node.changeRights(random)
    else node.reload()
  }

  /** Log and audit have no token, no session's secret, and nothing hidden but what its owner did. */
  #checkWritten(node: FuzzedNode, keeper: Keeper, trail: Trail): void {
    const log = node.takeLog()
    const audit = node.takeAudit()
    const secrets = [TOKEN_START, HTTP_TOKEN, ...keeper.secrets, ...this.#secrets.splice(0)]
    const others = audit.filter((line) => !line.includes('"identity":"keeper"'))
    for (const [where, text, words] of [
      ['the log', log, [...secrets, HIDDEN]],
      ['the audit', audit.join('\n'), secrets],
      ['the audit', others.join('\n'), [HIDDEN]],
    ] as const) {
      const word = words.find((one) => text.includes(one))
      if (word !== undefined) throw new Finding(`${where} says ${word}: ${around(text, word)}`, trail.lines)
    }
    const error = /^.*(?:"level":(?:50|60)|"err":).*$/m.exec(log)?.[0]
    if (error !== undefined) throw new Finding(`the log has an error of our own: ${error}`, trail.lines)
  }
}

export const wholeNodes: readonly Area[] = [false, true].flatMap((isTls) =>
  [false, true].map((hasAccounts) => new WholeNode({ isTls, hasAccounts })),
)
