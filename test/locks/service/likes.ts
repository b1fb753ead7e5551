import type { SeededRandom } from '../../../src/testing/seeded-random.js'

/** How often each thing happens, in the world that a seed makes. */
export function drawLikes(random: SeededRandom) {
  const often = (usual: number) => (random.chance(0.25) ? 0 : usual * random.logBetween(0.3, 3))
  return {
    past: often(6),
    nodeUp: 1,
    epochEnd: often(1),
    open: 3,
    classic: often(4),
    resume: often(3),
    time: often(8),
    leave: often(4),
    gone: often(4),
    ask: 30,
    release: 10 * random.logBetween(0.3, 2),
    cancel: often(3),
    waitTimeout: often(2),
    unlock: often(1.5),
    force: often(3),
    resize: often(3),
    freeze: often(2),
    thaw: often(3),
    forget: often(1),
    ack: often(2),
    several: random.pick([0, 0.3, 0.7]),
    times: random.pick([0, 0.2, 0.5]),
    once: random.pick([0, 0.2, 0.5]),
    keepsAll: random.pick([0.2, 0.6, 1]),
    waits: random.pick([0.5, 0.8, 1]),
  }
}

export type Likes = ReturnType<typeof drawLikes>

/** Not drawn, so that the worlds of a seed stay what they were before there were identities. The first is nobody in particular. */
export function someIdentity(count: number): string {
  return ['', 'ci', 'ops'][count % 3] ?? ''
}
