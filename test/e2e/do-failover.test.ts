/** tnl-do with several locks and a done-mark, on three nodes, one of which dies or is left in the middle. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endLeftovers } from '../kit/leftovers.js'
import { TestCluster, type TestNode, until } from '../kit/process-cluster.js'
import { DoProgram, STARTER } from '../kit/starter.js'
import { bothTransports, clientVariables, TRANSPORTS } from '../kit/transport.js'
import { converse, freshName, Wire } from '../kit/wire.js'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start(await bothTransports())
  await cluster.untilRisen()
})
afterEach(async () => {
  await endLeftovers()
  await cluster.stop()
})

const at = (node: TestNode): string => `127.0.0.1:${node.port}`
const HELD = ['sh', '-c', 'echo begun; read line; exit 0']

describe('at the leader, which is killed in the middle', () => {
  it.each(TRANSPORTS)('several locks stay, and the success is recorded by the others: %s', async (transport) => {
    const env = { TNL_ENDPOINTS: cluster.endpoints, ...(await clientVariables(transport)) }
    const [key, a, b] = [freshName(), freshName(), freshName()]
    const node = await cluster.leader()
    const others = cluster.nodes.filter((each) => each !== node)
    // The first endpoint is the one that it begins at; it stays there, for a redirect is of the leader's alone.
    const endpoints = [node, ...others].map(at).join(',')
    const names = ['--lock-name', a, '--lock-name', `${b}@shared`]
    const options = ['--endpoints', endpoints, '--once', key, '--wait', '30']
    const program = new DoProgram([STARTER, ...options, ...names, '--', ...HELD], env)
    await program.printed(/^(begun)\n/m)
    const waiting = new DoProgram([STARTER, '--debug', '--once', key, '--wait', 'forever', ...names, 'false'], env)
    await until('another one waits', async () => waiting.stderr.includes('in the queue'))
    node.signal('SIGKILL')
    await node.ended()
    await cluster.leader()
    // Nobody has got either of them meanwhile.
    const [first] = others
    if (first === undefined) throw new Error('no other node')
    for (const name of [a, b]) expect(await converse(first.port, `lock,name:${name}\n`)).toBe('not-granted\n')
    program.child.stdin?.end('go\n')
    expect((await program.ended()).code).toBe(0)
    // It was in the queue, or has asked again: in any case it is done.
    expect((await waiting.ended()).code).toBe(0)
    const late = new DoProgram([STARTER, '--once', key, '--wait', '30', 'false'], env)
    expect((await late.ended()).code).toBe(0)
    const wire = await Wire.open(first.port)
    expect(await wire.ask(`lock,name:${a},wait:forever`)).toBe('ok')
    wire.destroy()
  })
})
