import { describe, expect, it } from 'vitest'
import type { Greeting } from '../../../src/raft/ports/transport.js'
import type { MemberReport } from '../../../src/service/status.js'
import { helloOf, World } from './admin-world.js'

const member: MemberReport = {
  node: '',
  raftId: 0,
  peer: '',
  address: null,
  role: 'learner',
  leader: false,
  knows: null,
}

describe('the address of a new member', () => {
  const add = (world: World, peer: string) => world.ask('n1', `.member-add,id:1,node:n4,peer:${peer}`)

  it.each([
    ['0.0.0.0:7655', 'stands for all addresses'],
    ['[::]:7655', 'stands for all addresses'],
    ['h:0', 'a port is needed'],
    ['h', 'h'],
    ['h:2', 'is the peer address of n2'],
    ['H:1', 'is the peer address of n1'],
  ])('%s is refused before anybody is greeted', async (peer, words) => {
    const world = new World()
    expect(await add(world, peer)).toMatch(
      new RegExp(`^err,id:1,code:bad-request,message:.*${encodeURIComponent(words)}`),
    )
    expect([world.greeted, world.changed]).toEqual([[], []])
  })

  it.each<[string, Greeting, string]>([
    ['another member answers', { kind: 'peer', hello: helloOf('n2', 'c') }, 'is the peer port of n2, not of n4'],
    ['it belongs to another cluster', { kind: 'peer', hello: helloOf('n4', 'other') }, 'belongs to another cluster'],
    [
      'it has the data of an earlier life',
      { kind: 'peer', hello: helloOf('n4', 'c') },
      'start it with an empty directory',
    ],
    ['somebody answers who is no peer', { kind: 'stranger', detail: 'silent' }, 'is not a peer port: silent'],
  ])('is refused if %s', async (_, greeting, words) => {
    const world = new World()
    world.greeting = greeting
    const answer = decodeURIComponent(await add(world, 'h:4'))
    expect(answer).toContain(`code:bad-request,message:peer: `)
    expect(answer).toContain(words)
    expect([world.greeted, world.changed]).toEqual([['h:4'], []])
  })

  it('may not answer yet: the operator is told', async () => {
    const world = new World()
    world.greeting = { kind: 'unreachable', detail: 'refused' }
    expect(decodeURIComponent(await add(world, 'h:4'))).toBe('done,id:1,note:not reachable yet (refused)\n')
    expect(world.changed).toHaveLength(1)
  })

  it.each([
    ['the same node', 'node:n4,peer:h:4', 'n4 is a member already'],
    ['another node at the same address', 'node:n5,peer:h:4', 'h:4 is the peer address of n4'],
  ])('is judged again after the greeting: %s was added meanwhile', async (_, other, words) => {
    const world = new World()
    world.greeting = { kind: 'unreachable', detail: 'refused' }
    world.onGreet = () => {
      world.onGreet = () => {}
      world.members.push({ ...member, node: 'n4', raftId: 4, peer: 'h:4' })
    }
    expect(decodeURIComponent(await world.ask('n1', `.member-add,id:1,${other}`))).toContain(words)
    expect(world.changed).toEqual([])
  })
})
