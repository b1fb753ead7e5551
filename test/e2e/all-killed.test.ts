/** What was answered survives the death of all nodes at once (G5, rule 10). */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestCluster, until } from '../kit/process-cluster.js'
import { fieldOf, Wire } from '../kit/wire.js'

const SESSIONS = 12
const CLASSIC_CLIENTS = 8
/** Each session has this many grants behind it when the nodes are killed, and more under way. */
const CYCLES_BEFORE_THE_KILL = 20

let cluster: TestCluster

beforeAll(async () => {
  cluster = await TestCluster.start()
})

afterAll(() => cluster.stop())

/** Takes and releases locks of its own without a pause, and remembers what it was answered. */
class BusySession {
  cycles = 0
  lastToken = 0
  /** By name, the token of a lock that was granted and of which no release was sent. */
  readonly held = new Map<string, number>()
  /** Locks of which a release was answered. */
  readonly released = new Set<string>()
  /** What was sent and not answered. */
  pending = ''
  #lastId = 0

  private constructor(
    private readonly number: number,
    private readonly wire: Wire,
    readonly resume: string,
  ) {}

  static async open(number: number, port: number): Promise<BusySession> {
    const wire = await Wire.open(port)
    const welcome = await wire.ask('hello,version:2,redirect:no,lease:60')
    const resume = `resume,session:${fieldOf(welcome, 'session')},secret:${fieldOf(welcome, 'secret')}`
    return new BusySession(number, wire, resume)
  }

  /** Ends with the connection. Every third lock is kept. */
  async run(): Promise<void> {
    for (;;) {
      const name = `session-${this.number}-${this.cycles}`
      const grant = await this.#ask(`lock,id:${++this.#lastId},name:${name}`)
      if (grant === null) return
      const token = Number(fieldOf(grant, 'token'))
      expect(token).toBeGreaterThan(this.lastToken)
      this.lastToken = token
      this.held.set(name, token)
      this.cycles += 1
      if (this.cycles % 3 === 0) continue
      this.held.delete(name)
      const release = await this.#ask(`release,id:${++this.#lastId},name:${name},ack:${this.#lastId - 1}`)
      if (release === null) return
      expect(release).toBe(`released,id:${this.#lastId},name:${name}`)
      this.released.add(name)
    }
  }

  async #ask(line: string): Promise<string | null> {
    this.pending = line
    return this.wire.ask(line)
  }
}

/** The same in the classic dialect, one connection a lock; returns the highest token. */
async function busyClassic(number: number, port: number): Promise<number> {
  let last = 0
  for (;;) {
    const wire = await Wire.open(port).catch(() => null)
    const answer = wire === null ? null : await wire.ask(`lock,name:classic-${number},fence:yes,wait:forever`)
    if (wire === null || answer === null || !answer.startsWith('ok')) return last
    const token = Number(fieldOf(answer, 'token'))
    expect(token).toBeGreaterThan(last)
    last = token
    if ((await wire.ask('release')) === null) return last
    wire.destroy()
  }
}

it('keeps every acknowledged grant and release when all nodes are killed under load', async () => {
  const portOf = (number: number): number => cluster.node(number % cluster.nodes.length).port
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, (_, number) => BusySession.open(number, portOf(number))),
  )
  const loads = sessions.map((session) => session.run())
  const classics = Array.from({ length: CLASSIC_CLIENTS }, (_, number) => busyClassic(number, portOf(number)))
  await until('every session is busy', async () => sessions.every(({ cycles }) => cycles >= CYCLES_BEFORE_THE_KILL))

  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  await Promise.all(loads)
  const highest = Math.max(...(await Promise.all(classics)), ...sessions.map((session) => session.lastToken))
  for (const node of cluster.nodes) node.start()
  await cluster.untilAllServe()

  for (const [number, session] of sessions.entries()) {
    // Not the node that it was at before.
    const wire = await Wire.open(portOf(number + 1))
    expect(await wire.ask(session.resume)).toMatch(/^welcome,.*,resumed:yes$/)
    const held = new Map<string, number>()
    for (let line = await wire.line(); line !== 'ready'; line = await wire.line()) {
      expect(line).toMatch(/^held,/)
      held.set(fieldOf(line, 'name'), Number(fieldOf(line, 'token')))
    }
    const undecided = fieldOf(session.pending, 'name')
    held.delete(undecided)
    session.held.delete(undecided)
    expect(held).toEqual(session.held)
    for (const name of session.released) expect(held.has(name)).toBe(false)
    // The request whose answer was lost gets it now, once; afterwards all goes on with greater tokens.
    expect(await wire.ask(session.pending)).toMatch(session.pending.startsWith('lock') ? /^ok,/ : /^released,/)
    const grant = await wire.ask(`lock,id:1000000,name:after-${number}`)
    expect(Number(fieldOf(grant, 'token'))).toBeGreaterThan(highest)
    expect(await wire.ask('bye')).toBe('bye')
  }
  // The nodes proved that their former selves are dead, so the locks of classic clients are free without a lease passing.
  for (let number = 0; number < CLASSIC_CLIENTS; number += 1) {
    const wire = await Wire.open(portOf(number + 1))
    const answer = await wire.ask(`lock,name:classic-${number},fence:yes,wait:forever`)
    expect(Number(fieldOf(answer, 'token'))).toBeGreaterThan(highest)
    wire.destroy()
  }
})
