/** A watch of the library, against a server that says what the test wants: what it asks for, and what it makes of the answers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, connect, NoQuorumError, RefusedError, type WatchEvent } from '../../../src/client/index.js'
import { UNREAD_EVENTS_MAX_COUNT } from '../../../src/client/limits.js'
import { EVENT_TYPES } from '../../../src/client/reads/watch.js'
import { EVENT_TYPES as TOLD_TYPES } from '../../../src/locks/effects.js'
import type { Line } from '../../../src/protocol/line.js'
import { inTime } from '../../kit/wire.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'

let cluster: FakeCluster
let node: FakeNode
let client: Client

beforeEach(async () => {
  cluster = new FakeCluster(10)
  node = await cluster.addNode()
  client = await connect({ endpoints: cluster.endpoints, reach: 5_000 })
})

afterEach(async () => {
  await client.close()
  await cluster.close()
})

/** What the node answers to the first, the second, … watch; `N` stands for the id. */
function answering(...answers: readonly (readonly string[])[]): void {
  let asked = 0
  node.script = (line: Line) => {
    if (line.action !== 'watch') return null
    const lines = answers[asked] ?? []
    asked += 1
    return lines.map((text) => text.replace('N', line.get('id') ?? ''))
  }
}

const watches = (): string[] => node.received.filter((line) => line.startsWith('watch'))
const event = (at: string, name = 'x'): string => `event,id:N,at:${at},type:granted,name:${name},token:7,holder:me`
const breakConnections = (): void => {
  for (const connection of node.connections) connection.reset()
}

it('every type of event that a node tells is known to the library, which passes over others', () => {
  expect(EVENT_TYPES).toEqual(TOLD_TYPES)
})

describe('a watch', () => {
  it('goes on behind the last event when the connection breaks', async () => {
    answering(['watching,id:N,at:4.0', event('5.0'), event('6.2')], ['watching,id:N,at:6.2', event('7.0', 'y')])
    const watch = client.watch({ prefix: '' })
    await inTime('two events', Promise.all([watch.next(), watch.next()]))
    breakConnections()
    const { value } = await inTime('the next', watch.next())
    expect(value).toMatchObject({ at: '7.0', name: 'y' })
    expect(watches().map((line) => /since:([\d.]+)/.exec(line)?.[1])).toEqual([undefined, '6.2'])
  })

  it('forgets what a gap had listed when the connection breaks before its end', async () => {
    const listed =
      'lock,id:N,name:x,mode:shared,permits:0,limit:0,state:held,token:7,holder:me,session:3,held-for:1.5,waiters:2,meta:'
    answering(
      ['watching,id:N,at:4.0', 'gap,id:N,at:9.0', listed],
      ['watching,id:N,at:0.0', 'gap,id:N,at:11.0', 'end,id:N,count:0', event('12.0')],
    )
    const watch = client.watch('x')
    const told: (WatchEvent | undefined)[] = []
    for (; told.length < 2; ) told.push((await inTime('a line of the gap', watch.next())).value)
    breakConnections()
    for (; told.length < 5; ) told.push((await inTime('a line of the next', watch.next())).value)
    expect(told).toMatchObject([
      { type: 'gap', at: '0.0' },
      { type: 'listed', lock: { name: 'x', mode: 'shared', token: 7, holder: 'me', heldMs: 1_500, waiters: 2 } },
      { type: 'gap', at: '0.0' },
      { type: 'caught-up', at: '11.0' },
      { type: 'granted', at: '12.0' },
    ])
    expect(watches()[1]).toContain('since:0.0')
  })

  it('ends for a reader that stands still, and begins again behind what it has taken', async () => {
    const some = Array.from({ length: UNREAD_EVENTS_MAX_COUNT + 500 }, (_, index) => event(`5.${index}`))
    const last = UNREAD_EVENTS_MAX_COUNT - 1
    answering(['watching,id:N,at:4.0', ...some], [`watching,id:N,at:5.${last}`, event(`5.${last + 1}`)])
    const watch = client.watch('x')
    await inTime(
      'the cancel',
      node.until(() => node.heard('cancel')),
    )
    expect(watches()).toHaveLength(1)
    const places: (string | undefined)[] = []
    for (; places.length < UNREAD_EVENTS_MAX_COUNT + 1; )
      places.push((await inTime('an event', watch.next())).value?.at)
    expect(places).toEqual(Array.from({ length: UNREAD_EVENTS_MAX_COUNT + 1 }, (_, index) => `5.${index}`))
    expect(watches()[1]).toContain(`since:5.${last}`)
  })

  it('is asked for again where there is no quorum for a while, and not where it was refused', async () => {
    answering(['err,id:N,code:no-quorum,message:later'], ['watching,id:N,at:4.0', event('5.0')])
    const watch = client.watch('x')
    await inTime('the watch', watch.ready())
    expect((await watch.next()).value).toMatchObject({ at: '5.0' })
    await watch.return()
    answering(['err,id:N,code:limit,message:too%20many'])
    await expect(client.watch('x').ready()).rejects.toBeInstanceOf(RefusedError)
  })

  it('gives up when no node has a quorum for as long as the client looks for one', async () => {
    const impatient = await connect({ endpoints: cluster.endpoints, reach: 200 })
    answering(...Array.from({ length: 20 }, () => ['err,id:N,code:no-quorum,message:later']))
    await expect(inTime('the end', impatient.watch('x').next())).rejects.toBeInstanceOf(NoQuorumError)
    await impatient.close()
  })

  it('passes over what it does not know', async () => {
    answering(['watching,id:N,at:4.0', event('5.0').replace('granted', 'painted'), event('6.0')])
    const watch = client.watch('x')
    expect((await inTime('the event', watch.next())).value).toMatchObject({ type: 'granted', at: '6.0' })
  })
})

describe('a listing', () => {
  it('begins a page anew when the connection breaks in the midst of it', async () => {
    let asked = 0
    const line = (id: string | undefined, name: string): string =>
      `lock,id:${id},name:${name},mode:exclusive,permits:0,limit:0,state:held,token:5,holder:me,session:3,held-for:1,waiters:0,meta:`
    node.script = (request) => {
      if (request.action !== 'locks') return null
      asked += 1
      const id = request.get('id')
      if (asked === 1) return [line(id, 'a')]
      if (request.get('after') === undefined) return [line(id, 'a'), line(id, 'b'), `end,id:${id},count:2,after:b@5`]
      return [line(id, 'c'), `end,id:${id},count:1`]
    }
    const found = (async () => {
      const names: string[] = []
      for await (const { name } of client.locks()) names.push(name)
      return names
    })()
    await inTime(
      'the question',
      node.until(() => asked === 1),
    )
    breakConnections()
    expect(await inTime('the listing', found)).toEqual(['a', 'b', 'c'])
  })
})
