/** A relay passes on what it gets, and can say nothing but FIN of how one of its connections ended. */
import { describe, expect, it } from 'vitest'
import { Machine, Process } from '../process.js'
import { World } from '../world.js'
import { ClientNetwork } from './client-network.js'
import { clientAddressOf } from './station.js'

const NODE = 'n1'

async function relayed() {
  const world = new World(1)
  const processNamed = (name: string) => new Process(world, new Machine(world, name, 1), name)
  const network = new ClientNetwork(world, { meanMs: 1, relayedShare: 1 })
  const atNode: string[] = []
  const atClient: string[] = []
  let answer: (text: string) => void = () => undefined
  let ownEnd = ''
  await network
    .at(processNamed(NODE), NODE, () => undefined)
    .listen(
      clientAddressOf(NODE),
      ({ stream, tcp }) => {
        ownEnd = `${tcp.remoteAddress}:${tcp.remotePort}`
        answer = (text) => void stream.write(text)
        stream.on('data', (bytes) => atNode.push(bytes.toString()))
        stream.on('end', () => atNode.push('end'))
        stream.on('error', (error) => atNode.push(error.message))
      },
      () => undefined,
    )
  const connection = network.dial(processNamed('client'), NODE, {
    text: (text) => atClient.push(text),
    closed: (isReset) => atClient.push(isReset ? 'reset' : 'closed'),
  })
  const pass = (ms: number) => world.until(() => false, ms)
  await pass(100)
  return { connection, atNode, atClient, pass, answer: (text: string) => answer(text), ownEnd: () => ownEnd }
}

describe('a relay', () => {
  it('passes on bytes in both directions, and has an address of its own', async () => {
    const { connection, atNode, atClient, pass, answer, ownEnd } = await relayed()
    connection.client.send('hello\n')
    await pass(100)
    answer('welcome\n')
    await pass(100)
    expect([...atNode, ...atClient].join('')).toBe('hello\nwelcome\n')
    expect(ownEnd()).not.toBe(connection.client.localEnd)
  })

  it('leaves the way back open after a FIN', async () => {
    const { connection, atNode, atClient, pass, answer } = await relayed()
    connection.client.send('lock,name:a\n')
    connection.client.fin()
    await pass(100)
    expect([atNode.slice(0, -1).join(''), atNode.at(-1)]).toEqual(['lock,name:a\n', 'end'])
    answer('ok\n')
    await pass(100)
    expect(atClient).toEqual(['ok\n'])
  })

  it('makes a FIN of a reset', async () => {
    const { connection, atNode, pass } = await relayed()
    connection.client.reset()
    await pass(100)
    expect(atNode).toEqual(['end'])
  })

  it('lets go of a client that vanished by a FIN, after a while and not before', async () => {
    const { connection, atNode, pass } = await relayed()
    connection.client.vanish()
    await pass(14_000)
    expect(atNode).toEqual([])
    await pass(2_000)
    expect(atNode).toEqual(['end'])
  })
})
