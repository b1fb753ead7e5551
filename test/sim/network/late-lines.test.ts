/** Lines that come late: in the order of their connection, also after their client is gone. */
import { describe, expect, it } from 'vitest'
import { Machine, Process } from '../process.js'
import { World } from '../world.js'
import { ClientNetwork } from './client-network.js'
import { LateLines } from './late-lines.js'
import { clientAddressOf } from './station.js'

const HELD_MS = 60_000
const NODE = 'n1'

async function bench(seed: number) {
  const world = new World(seed)
  const processNamed = (name: string) => new Process(world, new Machine(world, name, 1), name)
  const [node, client] = [processNamed(NODE), processNamed('client')]
  const network = new ClientNetwork(world, { meanMs: 1, relayedShare: 0 })
  const late = new LateLines(world)
  const heard: string[] = []
  const port = network.at(node, NODE, () => undefined)
  await port.listen(
    clientAddressOf(NODE),
    ({ stream }) => {
      stream.on('data', (bytes) => heard.push(...bytes.toString().split(/(?<=\n)/)))
      stream.on('close', () => heard.push('closed'))
    },
    () => undefined,
  )
  const dial = () => {
    const connection = network.dial(client, NODE, { text: () => undefined, closed: () => undefined })
    late.dialled(connection)
    return connection
  }
  return { world, client, late, heard, dial }
}

const pass = (world: World, ms: number) => world.until(() => false, ms)

describe('lines that are held back', () => {
  it.each([1, 2, 3, 4])(
    'come in order, and then the end of the connection, though the client was reset long ago (seed %i)',
    async (seed) => {
      const { world, client, late, heard, dial } = await bench(seed)
      late.atNext('command', client, (connection) => late.holdBack(connection, { ms: HELD_MS, after: null }))
      const connection = dial()
      connection.client.send('hello\n')
      await pass(world, 500)
      connection.client.send('lock,name:a\n')
      connection.client.send('release\n')
      connection.client.reset()
      await pass(world, HELD_MS - 1_000)
      expect(heard).toEqual(['hello\n'])
      await pass(world, 2_000)
      expect(heard).toEqual(['hello\n', 'lock,name:a\n', 'release\n', 'closed'])
    },
  )

  it('come from a host that is gone, and keepalive ends the connection after them', async () => {
    const { world, late, heard, dial } = await bench(1)
    const connection = dial()
    late.holdBack(connection, { ms: HELD_MS, after: null })
    connection.client.send('lock,name:a\n')
    await pass(world, 1_000)
    connection.client.vanish()
    await pass(world, HELD_MS)
    expect(heard).toEqual(['lock,name:a\n'])
    await pass(world, 20_000)
    expect(heard).toEqual(['lock,name:a\n', 'closed'])
  })

  it('come soon after the client gave a command elsewhere', async () => {
    const { world, late, heard, dial } = await bench(1)
    const connection = dial()
    late.holdBack(connection, { ms: HELD_MS, after: { turn: 'command', ms: 500 } })
    connection.client.send('lock,id:1,name:a\n')
    const next = dial()
    next.client.send('resume\n')
    await pass(world, 5_000)
    expect(heard).toEqual(['resume\n'])
    next.client.send('lock,id:1,name:a\n')
    await pass(world, 400)
    expect(heard).toHaveLength(2)
    await pass(world, 200)
    expect(heard).toHaveLength(3)
  })
})
