/** What whoever counts locks is told, and by which node. */
import { expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { lock } from './kit/helpers.js'
import { hello, startedAtLevel, talk, tokenOf } from './kit/session-helpers.js'

const MINUTE_MS = 60_000

function cluster() {
  const made = startedAtLevel(FEATURE_LEVEL)
  const leader = made.leader
  if (leader === null) throw new Error('a leader')
  const follower = [0, 1, 2].map((at) => made.node(at)).find((node) => node !== leader)
  if (follower === undefined) throw new Error('a follower')
  const told = (): (readonly [string, string, number, string | null])[] =>
    leader.observed.events.map(({ type, name, agoMs, sinceWallMs, how }) => [
      type,
      name,
      sinceWallMs === 0 ? 0 : Math.round(agoMs / 1_000),
      how,
    ])
  return { made, leader, follower, told }
}

it('the node that leads tells what happened to locks of clients of any node, and since when', () => {
  const { made, follower, leader, told } = cluster()
  const [a, b] = [hello(follower, ',lease:600'), hello(follower, ',lease:600')]
  talk(a.socket, 'lock,id:1,name:x\n')
  made.world.advance(MINUTE_MS / 2)
  talk(b.socket, 'lock,id:1,name:x,wait:forever\n')
  expect(told()).toEqual([
    ['granted', 'x', 0, null],
    ['queued', 'x', 0, null],
  ])
  leader.observed.events.length = 0
  made.world.advance(MINUTE_MS / 2)
  talk(a.socket, 'release,id:2,name:x\n')
  expect(told()).toEqual([
    ['released', 'x', 60, 'released'],
    ['granted', 'x', 30, null],
  ])
  leader.observed.events.length = 0
  talk(b.socket, 'bye\n')
  expect(told()).toMatchObject([['released', 'x', 0, 'bye']])
  expect(follower.observed.events).toEqual([])
  // It may lead when the lock is lost, and shows meanwhile that none was.
  expect(new Set(follower.observed.heardOf)).toEqual(new Set(['x']))
  expect(leader.observed.heardOf).toEqual([])
})

it('tells how long was waited in vain, and how a hold was lost', () => {
  const { made, follower, leader, told } = cluster()
  const [a, b] = [hello(follower, ',lease:600'), hello(follower, ',lease:600')]
  talk(a.socket, 'lock,id:1,name:x,ttl:40\n')
  talk(b.socket, 'lock,id:1,name:x,wait:20\n')
  leader.observed.events.length = 0
  made.world.until(() => told().length === 1)
  expect(told()).toMatchObject([['left', 'x', 20, null]])
  leader.observed.events.length = 0
  made.world.until(() => told().length === 1)
  expect(told()).toMatchObject([['lost', 'x', 40, 'ttl']])
})

it('the node of the client tells of refusals, in the words that the client was told', () => {
  const { follower, leader } = cluster()
  const [a, b] = [hello(follower, ',lease:600'), hello(follower, ',lease:600')]
  talk(a.socket, 'lock,id:1,name:x\n')
  talk(b.socket, 'lock,id:1,name:x\n', 'lock,id:2,name:x,limit:3\n', 'lock,id:3,name:y,name:z,limit:2,permits:3\n')
  talk(a.socket, 'lock,id:2,name:x,wait:5\n', `release,id:3,name:y,token:${tokenOf(a, 'x')}\n`)
  lock(follower, 'x')
  follower.world.advance(100)
  expect(follower.observed.refusals).toEqual([
    ['x', 'held'],
    ['x', 'limit-mismatch'],
    ['y', 'limit'],
    ['x', 'deadlock'],
    ['x', 'held'],
  ])
  expect(leader.observed.refusals).toEqual([])
})
