/** The operator's word on the feature level, and what is told of it. */
import { describe, expect, it } from 'vitest'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { World } from './admin-world.js'

const HOLD = { type: CommandType.holdLevel, held: true }

describe('.upgrade', () => {
  it.each(['n1', 'n2'])('tells at %s the level, and what each member knows', async (at) => {
    const world = new World()
    expect(await world.ask(at, '.upgrade,id:5')).toBe(
      'cluster,id:5,level:1,held:no\n' +
        'member,id:5,node:n1,role:voter,knows:2\n' +
        'member,id:5,node:n2,role:voter,knows:1\n' +
        'member,id:5,node:n3,role:learner\n' +
        'end,id:5,count:4\n',
    )
    world.levels.isLevelHeld = true
    expect(await world.ask(at, '.upgrade')).toMatch(/^cluster,level:1,held:yes\n/)
    expect(world.proposed).toEqual([])
  })
})

describe.each(['n1', 'n2'])('a hold asked at %s', (at) => {
  it('stands when it is answered, and so does its end', async () => {
    const world = new World()
    expect(await world.ask(at, '.upgrade-hold,id:1')).toBe('done,id:1\n')
    expect(world.levels.isLevelHeld).toBe(true)
    expect(await world.ask(at, '.upgrade-finish,id:2')).toBe('done,id:2\n')
    expect(world.levels.isLevelHeld).toBe(false)
    expect(world.proposed).toEqual([HOLD, { ...HOLD, held: false }])
  })

  it('that stands already is answered at once', async () => {
    const world = new World()
    world.levels.isLevelHeld = true
    expect(await world.ask(at, '.upgrade-hold')).toBe('done\n')
    expect(world.proposed).toEqual([])
  })

  it('is proposed again when the proposal was lost', async () => {
    const world = new World()
    world.proposalsLost = 2
    expect(await world.ask(at, '.upgrade-hold')).toBe('done\n')
    expect(world.proposed).toEqual([HOLD, HOLD, HOLD])
  })

  it('that nobody commits is not called done', async () => {
    const world = new World()
    world.proposalsLost = Number.POSITIVE_INFINITY
    expect(await world.ask(at, '.upgrade-hold,id:7')).toMatch(/^err,id:7,code:unconfirmed,/)
  })

  it('is given up by a leader that is deposed', async () => {
    const world = new World()
    world.proposalsLost = Number.POSITIVE_INFINITY
    const answer = world.ask(at, '.upgrade-hold')
    world.meanwhile = () => {
      world.leader = 'n3'
    }
    expect(await answer).toContain('code:not-leader,message:the%20leader%20changed')
  })
})
