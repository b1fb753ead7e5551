/** Logs that nobody reads, while somebody gives the node much to say. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import { statusOf } from '../observer.js'
import type { Fault, Nemesis, Random } from '../types.js'
import { repeated } from './repeated.js'

/** Each of them is worth a line of some 200 bytes; a pipe of 64 KiB holds 330 such. */
const STRANGERS_AT_ONCE = 40
const STEPS_AT_FIRST = 20
const STEP_MS = 50
const PATIENCE_MS = 5_000

export const logNemeses: readonly Nemesis[] = [
  { name: 'stalled-log', needs: 'logPipes', aim: async (ground, random) => stalledLog(ground, random) },
]

function stalledLog(ground: Ground, random: Random): Fault {
  const logs = ground.need('logPipes')
  const nodes = random.chance(0.3) ? ground.nodes : [random.pick(ground.nodes)]
  const pipes = nodes.flatMap(({ id }) => logs.of(id) ?? [])
  if (pipes.length < nodes.length) throw new NotNow('a node has no pipe')
  const step = async (): Promise<void> => {
    for (const node of nodes) {
      for (let count = 0; count < STRANGERS_AT_ONCE; count++) {
        const socket = connect(node.directPeerAddress)
        socket.on('error', () => {})
        socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        setTimeout(() => socket.destroy(), STEP_MS)
      }
    }
    await sleep(STEP_MS)
  }
  const noise = repeated(nodes.map(({ id }) => id).join(' '), step)
  return {
    target: noise.target,
    begin: async () => {
      for (const pipe of pipes) pipe.stall()
      for (let count = 0; count < STEPS_AT_FIRST; count++) await step()
      await noise.begin()
    },
    end: async () => {
      await noise.end()
      // A node that waits for its log does nothing else either.
      const silent = await silentOf(nodes)
      for (const pipe of pipes) pipe.resume()
      if (silent.length > 0) throw new Error(`while nobody reads their logs, these do not answer: ${silent.join(' ')}`)
    },
  }
}

/** Of those that no other fault has stopped or ended, who does not say how it is, however often it is asked. */
async function silentOf(nodes: readonly LocalNode[]): Promise<string[]> {
  let silent = nodes
  for (const deadlineMs = performance.now() + PATIENCE_MS; performance.now() < deadlineMs; await sleep(STEP_MS)) {
    const answers = await Promise.all(
      silent.map(async (node) => ({ node, report: await statusOf(node.directEndpoint) })),
    )
    silent = answers.filter(({ node, report }) => report === null && node.state === 'up').map(({ node }) => node)
    if (silent.length === 0) break
  }
  return silent.map(({ id }) => id)
}
