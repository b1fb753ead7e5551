/** What is shown of the state, against the model's plain lists: who is in whose way, what is current, what is listed. */
import { expect, it } from 'vitest'
import { CommandType, EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import { WHY_LOOKS } from '../../../src/locks/limits.js'
import type { Blocker, WaitReport } from '../../../src/locks/views/why.js'
import { ANSWER_LINE_MAX_BYTES } from '../../../src/protocol/limits.js'
import { whyJson } from '../../../src/service/reads/report-json.js'
import { Crowd } from './crowd.js'
import type { ModelRequest } from './model/entities.js'
import type { Model } from './model/model.js'
import { Stage } from './stage.js'
import { World } from './world.js'

const MOST = { requests: 1_000, blockers: 1_000, chain: 16 }
const SEEDS = 12
const ROUNDS = 40

const isInTheWay = (there: number, amount: number): boolean => (amount === SHARED ? there === EXCLUSIVE : true)

/** Everything that the request does not fit beside, and what freezes its names, by the plain lists. */
function blockersOf(model: Model, request: ModelRequest): string[] {
  return request.asks.flatMap((ask) => {
    const frozen = [...model.freezes.values()].filter(({ prefix }) => ask.name.startsWith(prefix))
    const inTheWay = frozen.map(({ prefix }) => `frozen ${ask.name} ${prefix}`)
    if (model.table.fits(ask, request)) return inTheWay
    const holds = model.table.holdsOf(ask.name).filter(({ amount }) => isInTheWay(amount, ask.amount))
    const places = model.table.placesBefore(ask.name, request).filter(({ amount }) => isInTheWay(amount, ask.amount))
    return [
      ...inTheWay,
      ...holds.map(({ name, token }) => `hold ${name} ${token}`),
      ...places.map((place) => `place ${ask.name} ${place.request.session.id} ${place.request.request}`),
    ]
  })
}

function shown(blocker: Blocker): string {
  switch (blocker.kind) {
    case 'hold':
      return `hold ${blocker.hold.name} ${blocker.hold.token}`
    case 'place':
      return `place ${blocker.place.name} ${blocker.place.session} ${blocker.place.request}`
    case 'frozen':
      return `frozen ${blocker.name} ${blocker.freeze.prefix}`
  }
}

/** How many things in somebody's way there were. */
function play(seed: number): number {
  const world = new World(seed)
  let blockers = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    world.play(10)
    const { model } = world
    const { reports } = world.machine
    for (const request of model.requests) {
      const { session } = request
      for (const { name } of request.asks) {
        const { requests } = reports.why(name, session.id, MOST)
        const found = requests.find(({ place }) => place.request === request.request)
        const expected = blockersOf(model, request)
        blockers += expected.length
        expect(found?.blockers.map(shown).toSorted(), `seed ${seed}, round ${round}: ${name} of ${session.id}`).toEqual(
          expected.toSorted(),
        )
        expect([found?.blockerCount, found?.place.position]).toEqual([
          expected.length,
          1 + model.table.placesBefore(name, request).length,
        ])
      }
    }
    const names = new Set([
      ...model.holds.map(({ name }) => name),
      ...model.requests.flatMap(({ asks }) => asks.map(({ name }) => name)),
    ])
    expect([...reports.names()].toSorted()).toEqual([...names].toSorted())
    for (const { name, token, phase } of model.holds) {
      expect(reports.isCurrent(name, token), `seed ${seed}, round ${round}: ${name} ${token}`).toBe(phase === 'held')
      expect(reports.isCurrent(`${name}x`, token)).toBe(false)
    }
    for (const name of names) {
      const holds = model.table.holdsOf(name)
      const lines = [...reports.listed(name, -1)]
      const expected =
        holds.length > 0
          ? holds.map(({ token, phase }) => [token, phase === 'held' ? 'held' : 'tail'])
          : [[0, 'reserved']]
      expect(lines.map(({ token, state }) => [token, state])).toEqual(expected)
      const half = holds[Math.floor(holds.length / 2)]?.token
      if (half !== undefined) {
        expect([...reports.listed(name, half)].map(({ token }) => token)).toEqual(
          holds.map(({ token }) => token).filter((token) => token > half),
        )
      }
      const state = holds.some(({ phase }) => phase === 'held') ? 'held' : holds.length > 0 ? 'tail' : 'reserved'
      expect(reports.who(name, 1_000)).toMatchObject({
        state,
        holdCount: holds.length,
        waiterCount: model.table.placesBefore(name, null).length,
      })
    }
  }
  return blockers
}

it('shows what the model has', { timeout: 120_000 }, () => {
  let blockers = 0
  for (let seed = 1; seed <= SEEDS; seed += 1) blockers += play(seed)
  expect(blockers).toBeGreaterThan(1_000)
})

function why(stage: Stage, name: string, session: number): WaitReport | undefined {
  return stage.machine.reports.why(name, session, MOST).requests[0]
}

it('follows who waits for whom, through holds and places', () => {
  const stage = new Stage()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => stage.client(name)) as [Client, Client, Client, Client]
  a.ask('x')
  b.ask('y')
  a.ask('y')
  c.ask('x z', { holding: 'none' })
  d.ask('z', { holding: 'none' })
  const report = why(stage, 'z', d.session)
  expect(report?.chain.links).toMatchObject([
    { holder: 'd', name: 'z', token: 0, of: 'c' },
    { holder: 'c', name: 'x', token: stage.tokenOf('x'), of: 'a' },
    { holder: 'a', name: 'y', token: stage.tokenOf('y'), of: 'b' },
  ])
  expect(report?.circle).toBeNull()
  expect(why(stage, 'x', c.session)?.names).toEqual(['x', 'z'])
})

it('says what ends a hold, and when at the latest', () => {
  const stage = new Stage()
  const [a, b] = ['a', 'b'].map((name) => stage.client(name, { leaseMs: 20_000 })) as [Client, Client]
  const endOf = (name: string) => stage.machine.reports.who(name, 10).holds[0]?.end
  a.ask('held')
  a.ask('timed', { ttlMs: 5_000 })
  a.ask('loose', { ttlMs: 5_000, loose: true })
  a.ask('tail', { minHoldMs: 7_000 })
  a.ask('broken')
  a.release('tail')
  b.force('broken')
  expect(endOf('held')).toEqual({ by: 'holder', withinMs: null })
  expect(endOf('timed')).toEqual({ by: 'ttl', withinMs: 35_000 })
  expect(endOf('loose')).toEqual({ by: 'ttl', withinMs: 5_000 })
  expect(endOf('tail')).toEqual({ by: 'time', withinMs: 7_000 })
  expect(endOf('broken')).toEqual({ by: 'lease', withinMs: 30_000 })
  a.detach()
  expect(endOf('held')).toEqual({ by: 'session', withinMs: 20_000 })
})

type Client = ReturnType<Stage['client']>

it('looks at so much and no more, however many wait for however many names', () => {
  const crowd = new Crowd()
  const names = Array.from({ length: 12 }, (_, at) => `crowded/${at}`)
  crowd.ask(crowd.open(), names, EXCLUSIVE)
  for (let at = 0; at < 400; at += 1) crowd.ask(crowd.open(), names, EXCLUSIVE)
  const last = crowd.open()
  for (let at = 0; at < 20; at += 1) crowd.ask(last, names, EXCLUSIVE)
  const { reports } = crowd.machine
  const session = crowd.asking(last).session
  const whole = reports.why('crowded/0', session, { ...MOST, requests: 1 })
  expect([whole.isUnexamined, whole.requests[0]?.blockerCount]).toEqual([false, 12 * 401])
  const cut = reports.why('crowded/0', session, MOST)
  expect([cut.isUnexamined, cut.requestCount]).toEqual([true, 20])
  expect(cut.requests.reduce((sum, { blockerCount }) => sum + blockerCount, 0)).toBeLessThan(WHY_LOOKS)
})

it('has room in one line for a request with the longest names, under freezes with the longest reasons', () => {
  const crowd = new Crowd()
  const client = crowd.open()
  const names = Array.from({ length: 64 }, (_, at) => `${'n'.repeat(253)}${at + 10}`)
  for (let length = 1; length <= 100; length += 1) {
    const words = { prefix: 'n'.repeat(length), reason: '"'.repeat(1_024), untilWallMs: 0, isOver: false, wallMs: 1 }
    crowd.apply({ type: CommandType.freeze, ...crowd.asking(client), ...words })
  }
  crowd.ask(client, names, EXCLUSIVE)
  const report = JSON.parse(JSON.stringify(whyJson(crowd.machine.reports, names[0] ?? '', null, 1)))
  expect(report).toMatchObject({ requestCount: 1, requests: [{ names, blockerCount: 6_400 }] })
  expect(report.requests[0].blockers.length).toBeGreaterThan(0)
  expect(JSON.stringify(report).length).toBeLessThan(ANSWER_LINE_MAX_BYTES - 64)
})
