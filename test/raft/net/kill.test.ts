import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { PeerDownReason } from '../../../src/raft/ports/transport.js'
import { TestNode, testClock } from './kit.js'

const children: ChildProcess[] = []
const nodes: TestNode[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

async function spawnNode(id: string, peer: TestNode): Promise<{ child: ChildProcess; address: string }> {
  const script = new URL('./child-node.ts', import.meta.url).pathname
  const argv = ['--import', 'tsx', script, id, peer.id, peer.transport.listenAddress()]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, address: line.toString().trim() }
}

// Both ways round: which side dialled, and which side decides, must not matter.
it.each([
  ['a', 'b'],
  ['b', 'a'],
])('a killed process is noticed at once: %s sees that %s refuses', async (survivor, victim) => {
  const node = await new TestNode(survivor).start()
  nodes.push(node)
  for (let round = 1; round <= 2; round++) {
    const { child, address } = await spawnNode(victim, node)
    node.transport.setPeers([{ nodeId: victim, raftId: 0, address }])
    await node.untilUp(victim)
    await node.until(() => node.texts().length > 0)
    node.events.length = 0
    child.kill('SIGKILL')
    await node.until(() => node.of('down').length > 0)
    expect(node.of('down')).toEqual([{ type: 'down', from: victim, reason: PeerDownReason.refused }])
  }
})

it('a stopped process is a timeout, not a refusal, and is connected again when it goes on', async () => {
  const node = await new TestNode('a', { clock: testClock(20) }).start()
  nodes.push(node)
  const { child, address } = await spawnNode('b', node)
  node.transport.setPeers([{ nodeId: 'b', raftId: 0, address }])
  await node.until(() => node.texts().length > 0)
  child.kill('SIGSTOP')
  const talk = setInterval(() => node.say('b', 'anybody there?'), 5)
  await node.until(() => node.of('down').length > 0)
  clearInterval(talk)
  expect(node.of('down')).toEqual([{ type: 'down', from: 'b', reason: PeerDownReason.timeout }])
  // The system still accepts for the stopped process; without a hello that is no peer.
  await node.until(() => node.logged('a peer cannot be reached; trying on').length > 0)
  expect(node.transport.isUp('b')).toBe(false)
  child.kill('SIGCONT')
  await node.untilUp('b')
})
