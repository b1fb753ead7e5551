/** Something done at every point of a history: a cancel, an end, a command once more. The model says what has to come of it. */
import { expect, test } from 'vitest'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import { type Entry, World } from './world.js'

/** Between two entries of a world there is room. */
const HALF = 500
const SEEDS = [1, 2]
const STEPS = 36

function historyOf(seed: number): readonly Entry[] {
  const world = new World(seed)
  world.play(STEPS)
  return world.history.filter(({ index }) => index >= 2 * HALF)
}

/** Plays the history once for every point of it, with the command that `insert` makes there; those that it makes none are left out. */
function atEveryPoint(seed: number, insert: (world: World) => Command | null): number {
  const history = historyOf(seed)
  let points = 0
  for (const at of history.keys()) {
    const world = new World(seed)
    for (const [i, { index, command }] of history.entries()) {
      world.apply(index, command)
      const inserted = i === at ? insert(world) : null
      if (inserted === null) continue
      world.apply(index + HALF, inserted)
      points++
    }
  }
  return points
}

/** A request for several names that waits, if there is one. */
const waitingForSeveral = ({ model }: World) =>
  model.requests.find(({ asks, session }) => asks.length > 1 && session.place !== null) ?? null

test.each(SEEDS)(
  'a session ends at every point of its waiting for several names: seed %i',
  { timeout: 60_000 },
  (seed) => {
    for (const kind of ['end', 'detach', 'fin'] as const) {
      atEveryPoint(seed, (world) => {
        const session = waitingForSeveral(world)?.session ?? world.model.requests[0]?.session
        if (session === undefined || session.place === null) return null
        const { node, epoch } = session.place
        const header = { node, epoch, session: session.id, attach: session.attach, wallMs: 1 }
        if (kind === 'end') return { type: CommandType.end, ...header, bye: true }
        return { type: CommandType.detach, ...header, fin: kind === 'fin', leaseOnly: false }
      })
    }
  },
)

test.each(SEEDS)('a cancel at every point, before and after the grant: seed %i', { timeout: 60_000 }, (seed) => {
  let points = 0
  for (const later of [0, 1]) {
    points += atEveryPoint(seed, ({ model }) => {
      const session = model.sessions.find(({ place, classic }) => place !== null && !classic)
      if (session === undefined || session.place === null) return null
      const waiting = model.requests.filter((one) => one.session === session)
      const target = waiting.at(later)?.request ?? session.highest
      const { node, epoch } = session.place
      const header = { node, epoch, session: session.id, attach: session.attach, n: session.lastN + 1, ack: 0 }
      return { type: CommandType.cancel, ...header, request: 100_000, target }
    })
  }
  expect(points).toBeGreaterThan(20)
})

test.each(SEEDS)(
  'every command once more, at once and late: nothing comes of it: seed %i',
  { timeout: 60_000 },
  (seed) => {
    const world = new World(seed)
    const history = historyOf(seed)
    for (const [i, { index, command }] of history.entries()) {
      world.apply(index, command)
      const before = world.machine.stateHash()
      world.apply(index + HALF, command)
      const earlier = history[i >> 1]
      // An acknowledged opening or a count of a session that lives on means what it meant: the model says so too.
      if (earlier !== undefined && 'n' in earlier.command) world.apply(index + HALF + 1, earlier.command)
      if ('n' in command || 'conn' in command) expect(world.machine.stateHash()).toBe(before)
    }
  },
)
