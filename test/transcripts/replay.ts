/** Plays a scene: sends what it says is sent, and takes nothing but what it says is received. */
import { escapeValue } from '../../src/protocol/line.js'
import type { Act, NodeFate, Scene, ScenePlace, Step } from './script.js'
import { Variables } from './variables.js'

/** A connection as bare as `nc`. */
export interface SceneWire {
  send(text: string): void
  /** The next line; null when the stream ended before. */
  line(): Promise<string | null>
  /** What arrived and was not taken yet. */
  readonly unread: string
  readonly ended: boolean
  /** HOST:PORT of the client's end. */
  readonly localEnd: string
  fin(): void
  reset(): void
}

/** A node, as far as a scene is concerned with it. */
export interface SceneNode {
  connect(): Promise<SceneWire>
  /** What happens to it; what comes of that is told to its clients. */
  meets(fate: NodeFate): Promise<void>
}

/**
 * Where a client finds a node: at an address that it was told; in an office; or at the node that is looked at, which is the 0th,
 * and those that come next.
 */
export type Place = { readonly nth: number } | { readonly address: string } | Exclude<ScenePlace, 'another node'>

/** The cluster on which a scene is played. */
export interface Ground {
  node(place: Place): Promise<SceneNode>
  anotherLeader(): Promise<void>
  pass(ms: number): Promise<void>
}

/** A scene in two halves, between which leadership passes on: where the scene says so, else in its middle. */
class Play {
  readonly #stage: Stage
  readonly #halves: readonly [readonly Step[], readonly Step[]]
  readonly saysWhen: boolean

  constructor(
    readonly scene: Scene,
    ground: Ground,
  ) {
    this.#stage = new Stage(ground)
    const { steps } = scene
    const said = steps.findIndex((step) => step.kind === 'act' && step.act.kind === 'another leader')
    this.saysWhen = said >= 0
    const middle = Math.floor(steps.length / 2)
    this.#halves = this.saysWhen
      ? [steps.slice(0, said), steps.slice(said + 1)]
      : [steps.slice(0, middle), steps.slice(middle)]
  }

  async first(): Promise<void> {
    for (const step of this.#halves[0]) await this.#stage.play(step)
  }

  async second(): Promise<void> {
    for (const step of this.#halves[1]) await this.#stage.play(step)
    await this.#stage.end(this.scene.id)
  }
}

/** `leaderChanges`: also if the scene does not say so. */
export async function replay(scene: Scene, ground: Ground, leaderChanges: boolean): Promise<void> {
  const play = new Play(scene, ground)
  await play.first()
  if (leaderChanges || play.saysWhen) await ground.anotherLeader()
  await play.second()
}

/** Few enough that a node does not see a crowd of strangers who have not spoken yet. */
const SIDE_BY_SIDE = 16

/** All scenes side by side, with one change of the leader. Returns what went wrong. */
export async function replayTogether(scenes: readonly Scene[], ground: Ground): Promise<readonly string[]> {
  const failures: string[] = []
  const playing = new Set(scenes.map((scene) => new Play(scene, ground)))
  const half = async (go: (play: Play) => Promise<void>): Promise<void> => {
    const queue = [...playing]
    const worker = async (): Promise<void> => {
      for (let play = queue.shift(); play !== undefined; play = queue.shift()) {
        try {
          await go(play)
        } catch (error) {
          playing.delete(play)
          failures.push(`${play.scene.id}: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker))
  }
  await half((play) => play.first())
  await ground.anotherLeader()
  await half((play) => play.second())
  return failures
}

/** Lines that a node says of itself, whenever it thinks so. */
const OF_THE_NODE = /^(?:jeopardy,|safe$)/

/** Of a classic client only what has arrived: nothing that it may say would tell when all has. */
async function lineOf(wire: SceneWire | null, isSession: boolean): Promise<string | null> {
  return wire === null || !(isSession || wire.unread.includes('\n')) ? null : wire.line()
}

/** Whoever is told where to go connects there. */
const ELSEWHERE = /^(?:redirect|moved),address:([^,]+)/

class Actor {
  wire: SceneWire | null = null
  /** To which it is connected, or was. */
  node: SceneNode | null = null
  isSession = false
  #connections = 0
  #next: Exclude<Place, { readonly nth: number }> | null = null

  goesTo(place: ScenePlace | { readonly address: string }): void {
    if (place === 'another node') this.#connections += 1
    else this.#next = place
  }

  /** Where it connects now: it comes again at another node, unless it knows better. */
  nextPlace(): Place {
    const place = this.#next ?? { nth: this.#connections }
    this.#next = null
    this.#connections += 1
    return place
  }
}

class Stage {
  readonly #actors = new Map<string, Actor>()
  readonly #variables = new Variables()

  constructor(private readonly ground: Ground) {}

  async play(step: Step): Promise<void> {
    try {
      if (step.kind === 'act') await this.#act(step.act)
      else if (step.kind === 'sent') await this.#send(step.client, step.text)
      else await this.#receive(step.client, step.text)
    } catch (error) {
      throw new Error(`${step.at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }

  /** All that was told stands in the scene; who is still there leaves. */
  async end(id: string): Promise<void> {
    for (const [name, { wire, isSession }] of this.#actors) {
      // Its answer follows those of all that was asked before.
      if (wire !== null && !wire.ended && isSession) wire.send('cancel,request:0\n')
      for (
        let line = await lineOf(wire, isSession);
        line !== null && line !== 'cancelled';
        line = await lineOf(wire, isSession)
      ) {
        if (!OF_THE_NODE.test(line)) throw new Error(`${id}: ${name} was told more than the scene says: ${line}`)
      }
    }
    for (const { wire, isSession } of this.#actors.values()) {
      if (wire === null || wire.ended) continue
      if (isSession) wire.send('bye\n')
      else wire.fin()
      while ((await wire.line()) !== null);
      wire.reset()
    }
  }

  #actor(client: string): Actor {
    const known = this.#actors.get(client)
    if (known !== undefined) return known
    const actor = new Actor()
    this.#actors.set(client, actor)
    return actor
  }

  async #act(act: Act): Promise<void> {
    switch (act.kind) {
      case 'sessions':
        for (const client of act.clients) await this.#openSession(client)
        return
      case 'breaks':
      case 'fin': {
        const actor = this.#actor(act.client)
        const { wire } = actor
        actor.wire = null
        if (act.kind === 'breaks') wire?.reset()
        else wire?.fin()
        // The node closes its side before it proposes what that means: whoever asks it next asks later.
        while (act.kind === 'fin' && wire !== null && (await wire.line()) !== null);
        return
      }
      case 'another leader':
        await this.ground.anotherLeader()
        return
      case 'passes':
        await this.ground.pass(act.ms)
        return
      case 'at':
        this.#actor(act.client).goesTo(act.place)
        return
      case 'node': {
        const { node } = this.#actor(act.client)
        if (node === null) throw new Error(`${act.client || 'the client'} was at no node yet`)
        await node.meets(act.fate)
      }
    }
  }

  async #openSession(client: string): Promise<void> {
    await this.#send(client, `hello,version:2,client-id:${escapeValue(client)},lease:60,redirect:no`)
    await this.#receive(client, 'welcome,(rest)')
  }

  async #send(client: string, text: string): Promise<void> {
    const actor = this.#actor(client)
    const opens = /^(?:hello|resume)\b/.test(text)
    if (actor.wire === null || actor.wire.ended) {
      if (actor.isSession && !opens) throw new Error(`the connection of ${client} has ended`)
      actor.node = await this.ground.node(actor.nextPlace())
      actor.wire = await actor.node.connect()
      actor.isSession = false
      this.#variables.set(`${client}.end`, actor.wire.localEnd)
    }
    if (opens) actor.isSession = true
    actor.wire.send(`${this.#variables.filled(text)}\n`)
  }

  async #receive(client: string, expected: string): Promise<void> {
    const actor = this.#actor(client)
    const { wire } = actor
    if (wire === null) throw new Error(`${client || 'the client'} has no connection`)
    let line = await wire.line()
    while (line !== null && OF_THE_NODE.test(line) && !OF_THE_NODE.test(expected)) line = await wire.line()
    if (expected === '(closed)') {
      if (line !== null) throw new Error(`expected the end of the stream, received ${line}`)
      actor.isSession = false
      return
    }
    if (line === null) throw new Error(`expected ${expected}, the stream has ended`)
    this.#variables.match(expected, line)
    const [, address] = ELSEWHERE.exec(line) ?? []
    if (address !== undefined) actor.goesTo({ address })
    const welcome = /^welcome,session:(\d+),secret:([0-9a-f]+),/.exec(line)
    if (welcome === null) return
    this.#variables.set(`${client}.session`, welcome[1] ?? '')
    this.#variables.set(`${client}.secret`, welcome[2] ?? '')
  }
}
