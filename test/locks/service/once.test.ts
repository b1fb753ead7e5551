/** `once`: hosts that all mean to run the same thing, and die in between. */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Client, Stage } from './stage.js'

const HOSTS = 4
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1)

interface Played {
  readonly runs: number
  readonly deaths: number
  readonly marks: number
}

/** Each host asks, runs when it is granted, and says that it is done. With `deadly`, some die at any moment. */
function play(seed: number, deadly: boolean): Played {
  const random = new SeededRandom(seed)
  const stage = new Stage(seed)
  const key = 'nightly'
  let hosts = Array.from({ length: HOSTS }, (_, i) => stage.client(`host${i}`))
  const finished = new Set<Client>()
  let [runs, deaths, marks] = [0, 0, 0]
  const holder = () => hosts.find((host) => stage.holders(key).includes(host.name))
  for (const host of random.shuffled(hosts)) if (random.chance(0.7)) host.ask(key, { once: key })
  for (let step = 0; step < 60; step++) {
    const running = holder()
    const idle = hosts.filter((host) => host.id === 0)
    if (deadly && deaths < HOSTS - 1 && random.chance(0.2)) {
      // With the success already behind it, or in the middle of it.
      const dead = random.pick(hosts)
      dead.detach()
      dead.expire()
      hosts = hosts.filter((host) => host !== dead)
      deaths++
    } else if (running !== undefined && !finished.has(running)) {
      runs++
      finished.add(running)
    } else if (running !== undefined) {
      const words = running.release(key, stage.tokenOf(key), true)
      expect(words[0]).toMatch(/released$/)
      marks++
    } else if (idle.length > 0) random.pick(idle).ask(key, { once: key })
  }
  return { runs, deaths, marks }
}

test.each(SEEDS)('runs exactly once while nobody dies: seed %i', (seed) => {
  expect(play(seed, false)).toEqual({ runs: 1, deaths: 0, marks: 1 })
})

test('runs at least once if somebody is left, and is marked once, whoever dies', () => {
  let deaths = 0
  let again = 0
  for (const seed of SEEDS) {
    const played = play(seed, true)
    expect(played.runs, `seed ${seed}`).toBeGreaterThanOrEqual(1)
    expect(played.marks, `seed ${seed}`).toBe(1)
    deaths += played.deaths
    again += played.runs - 1
  }
  expect(deaths, 'or nothing was tried').toBeGreaterThan(10)
  expect(again, 'a host that died after its run and before its word').toBeGreaterThan(0)
})
