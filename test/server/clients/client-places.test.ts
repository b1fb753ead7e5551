import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { ClientPlaces, type Guest } from '../../../src/server/clients/client-places.js'
import { clientsWithin, readLimit } from '../../../src/server/config/descriptors.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { client, setUp, textUntilEnd } from './client-port-kit.js'

describe('places for clients', () => {
  const fill = (places: ClientPlaces<string>, guest: Guest): number => {
    for (let count = 0; ; count += 1) {
      const name = `${guest} ${count}`
      places.arrived(name, 0)
      if (!places.seated(name, guest)) return count
    }
  }

  it('are taken by anybody, then by this machine, then by who resumes', () => {
    const places = new ClientPlaces<string>(1_000)
    expect(fill(places, 'anybody')).toBe(928)
    expect(places.isFull).toBe(true)
    expect(fill(places, 'this machine')).toBe(8)
    expect(fill(places, 'resume')).toBe(64)
  })

  it('are as many for who resumes as there are, and those leave the others theirs', () => {
    const places = new ClientPlaces<string>(1_000)
    expect(fill(places, 'resume')).toBe(1_000)
    expect(places.isFull).toBe(false)
    places.left('resume 7')
    places.arrived('x', 0)
    expect(places.seated('x', 'anybody')).toBe(true)
  })

  it('are free again when a client leaves', () => {
    const places = new ClientPlaces<string>(4)
    fill(places, 'anybody')
    places.left('anybody 0')
    expect(places.isFull).toBe(false)
    places.arrived('x', 0)
    expect(places.seated('x', 'anybody')).toBe(true)
    expect(places.isFull).toBe(true)
  })

  it('of the silent go to the newest', () => {
    const places = new ClientPlaces<string>(8)
    expect(['a', 'b', 'c', 'd'].map((name, at) => places.arrived(name, at))).toEqual([null, null, 'a', 'b'])
    expect(places.seated('c', 'anybody')).toBe(true)
    expect(places.seated('a', 'anybody')).toBe(false)
    expect(places.takeSilent(2)).toBe(null)
    expect(places.takeSilent(3)).toBe('d')
    expect(places.takeSilent(3)).toBe(null)
  })

  it('exist on the smallest node', () => {
    const places = new ClientPlaces<string>(1)
    expect(fill(places, 'anybody')).toBe(1)
  })
})

describe('descriptors', () => {
  it('are limited as the system says', () => {
    const limits = (soft: string) =>
      `Limit                     Soft Limit           Hard Limit           Units\nMax processes             7                    8                    processes\nMax open files            ${soft}                 524288               files\n`
    expect(readLimit(limits('1024'))).toBe(1024)
    expect(readLimit(limits('unlimited'))).toBe(null)
    expect(readLimit('')).toBe(null)
  })

  it('are kept for the store and the peers', () => {
    expect(clientsWithin(1_024)).toBe(512)
    expect(clientsWithin(256)).toBe(64)
    expect(clientsWithin(1)).toBe(1)
    expect(clientsWithin(1_048_576)).toBeGreaterThan(1_000_000)
  })
})

describe('the client port', () => {
  it('says why to clients over --max-connections, when they ask for something', async () => {
    const { service, port } = await setUp({ maxConnections: 1 })
    const first = await client(port)
    first.write('lock,name:a\n')
    await service.until((events) => events.includes('data lock,name:a\n'))
    expect(port.isFull).toBe(true)
    const second = await client(port)
    second.write('lock,name:b\n')
    expect(await textUntilEnd(second)).toBe('err,code:busy,message:too many connections\n')
    expect(port.connectionsRefused).toBe(1)
    expect(service.events).not.toContain('data lock,name:b\n')
    first.destroy()
    await service.until((events) => events.includes('fin') || events.includes('broken'))
    service.connections[0]?.end()
    expect(port.isFull).toBe(false)
  })

  it('lets silent connections keep nobody out', async () => {
    const { service, port } = await setUp({ maxConnections: 4 })
    const silent = []
    for (let count = 0; count < 8; count += 1) silent.push(await client(port))
    const [first] = silent
    if (first === undefined) throw new Error('unreachable')
    expect(await textUntilEnd(first)).toBe('err,code:busy,message:nothing was asked in time\n')
    const client4 = await client(port)
    client4.write('lock,name:a\n')
    await service.until((events) => events.includes('data lock,name:a\n'))
  })

  it('sends away who says nothing for too long, a part of a line neither', async () => {
    const system = new SystemClock()
    const times = 100
    const hasty: Clock = {
      speakerNow: () => system.speakerNow() * times,
      takerNow: () => system.takerNow() * times,
      wallNow: () => system.wallNow(),
      after: (delayMs, run) => system.after(delayMs / times, run),
      soon: (run) => system.soon(run),
    }
    const { service, port } = await setUp({ clock: hasty })
    const speaking = await client(port)
    speaking.write('lock,name:a\n')
    const silent = await client(port)
    silent.write('lock,na')
    expect(await textUntilEnd(silent)).toBe('err,code:busy,message:nothing was asked in time\n')
    expect(service.events.filter((event) => event.startsWith('turned away'))).toHaveLength(1)
  })
})
