/** Plays a scene: sends what it says is sent, and takes nothing but what it says is received. */
import { escapeValue } from '../../src/protocol/line.js'
import type { Act, Scene, Step } from './script.js'

/** A connection as bare as `nc`. */
export interface SceneWire {
  send(text: string): void
  /** The next line; null when the stream ended before. */
  line(): Promise<string | null>
  /** What arrived and was not taken yet. */
  readonly unread: string
  readonly ended: boolean
  fin(): void
  reset(): void
}

/** The cluster on which a scene is played. */
export interface Ground {
  /** To the node that is looked at; `nth` counts the connections of one client from 0: it comes again at another node. */
  connect(nth: number): Promise<SceneWire>
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

/** What stands for something that differs from run to run. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  number: '\\d+',
  seconds: '\\d+(?:\\.\\d+)?',
  word: '[^,]+',
  rest: '.*',
}
const PLACEHOLDER = /\(([a-z]+)\)/g
/** `(T1)` is whatever stood there when it was met first; `(alice.session)` is what alice's `welcome` said. */
const VARIABLE = /\(([A-Z][A-Za-z0-9]*|[a-z][a-z0-9-]*\.(?:session|secret))\)/g
/** Lines that a node says of itself, whenever it thinks so. */
const OF_THE_NODE = /^(?:jeopardy,|safe$)/

/** Of a classic client only what has arrived: nothing that it may say would tell when all has. */
async function lineOf(wire: SceneWire | null, isSession: boolean): Promise<string | null> {
  return wire === null || !(isSession || wire.unread.includes('\n')) ? null : wire.line()
}

class Actor {
  wire: SceneWire | null = null
  connections = 0
  isSession = false
}

class Stage {
  readonly #actors = new Map<string, Actor>()
  readonly #variables = new Map<string, string>()

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
      actor.wire = await this.ground.connect(actor.connections++)
      actor.isSession = false
    }
    if (opens) actor.isSession = true
    actor.wire.send(`${this.#filled(text)}\n`)
  }

  async #receive(client: string, expected: string): Promise<void> {
    const { wire } = this.#actor(client)
    if (wire === null) throw new Error(`${client || 'the client'} has no connection`)
    let line = await wire.line()
    while (line !== null && OF_THE_NODE.test(line) && !OF_THE_NODE.test(expected)) line = await wire.line()
    if (expected === '(closed)') {
      if (line !== null) throw new Error(`expected the end of the stream, received ${line}`)
      this.#actor(client).isSession = false
      return
    }
    if (line === null) throw new Error(`expected ${expected}, the stream has ended`)
    this.#match(expected, line)
    const welcome = /^welcome,session:(\d+),secret:([0-9a-f]+),/.exec(line)
    if (welcome === null) return
    this.#variables.set(`${client}.session`, welcome[1] ?? '')
    this.#variables.set(`${client}.secret`, welcome[2] ?? '')
  }

  #filled(text: string): string {
    return text.replace(VARIABLE, (_, name: string) => {
      const value = this.#variables.get(name)
      if (value === undefined) throw new Error(`(${name}) was not met before`)
      return value
    })
  }

  #match(expected: string, line: string): void {
    const met: string[] = []
    const pattern = expected
      .replace(/[.*+?^${}|[\]\\]/g, '\\$&')
      .replace(/\(([A-Z][A-Za-z0-9]*|[a-z][a-z0-9-]*\\\.(?:session|secret))\)/g, (_, escaped: string) => {
        const name = escaped.replace('\\.', '.')
        const value = this.#variables.get(name)
        if (value !== undefined) return value.replace(/[.*+?^${}|[\]\\]/g, '\\$&')
        if (met.includes(name)) return `\\k<${name}>`
        met.push(name)
        return `(?<${name}>[^,]+)`
      })
      .replace(PLACEHOLDER, (all, name: string) => PLACEHOLDERS[name] ?? all)
    const found = new RegExp(`^${pattern}$`).exec(line)
    if (found === null) throw new Error(`expected ${expected}, received ${line}`)
    for (const name of met) this.#variables.set(name, found.groups?.[name] ?? '')
  }
}
