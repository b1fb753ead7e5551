/** What only the whole composition shows: how Raft node and service are wired. */
import { expect, it, onTestFinished } from 'vitest'
import type { LockMachine } from '../../src/locks/machine.js'
import type { Clock } from '../../src/platform.js'
import type { StateMachine } from '../../src/raft/ports/state-machine.js'
import type { NodeComposition } from '../../src/service/composition.js'
import type { ClientProtocol, ClientSocket } from '../../src/service/lock-service.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { composedNode, founder, LEASE_MS } from '../kit/composed-node.js'
import { settle } from '../kit/settle.js'
import { FakeNetwork } from '../raft/node/fake-network.js'

const PATIENCE_MS = 30_000
const FOUNDERS = ['n1', 'n2', 'n3'].map(founder)

/** A node over a fake disk, network and clock, with a record of what happens to it and to its clients, in order. */
class TestNode {
  readonly events: string[] = []
  readonly parts: NodeComposition
  /** From an entry's first command on until it has ended. */
  #applying = false
  /** For how long its machine was suspended: timers do not know of it (rules.md rule 7). */
  suspendedMs = 0

  constructor(nodeId: string, seed: number, clock: VirtualClock, network: FakeNetwork) {
    const { clock: own, stop } = clock.forProcess()
    onTestFinished(stop)
    const suspending: Clock = { ...own, speakerNow: () => own.speakerNow() + this.suspendedMs }
    this.parts = composedNode({
      nodeId,
      founders: FOUNDERS,
      seed,
      clock: suspending,
      transport: network.transport(nodeId),
      probe: { machine: (machine) => this.#watched(machine), genesis: () => undefined },
    })
  }

  get speakMs(): number {
    return this.parts.service.stats().speakRemainingMs
  }

  connect(): ClientProtocol {
    const socket: ClientSocket = {
      remote: 'client',
      loopback: false,
      ownEnd: { host: '127.0.0.1', port: 1 },
      certificateNames: [],
      writableLength: 0,
      write: (text) => this.#happened(text.trimEnd()),
      makeWay: () => undefined,
      end: () => this.#happened('closed'),
      reset: () => this.#happened('closed'),
      pause: () => undefined,
      resume: () => undefined,
    }
    this.parts.service.turn()
    return this.parts.service.connected(socket)
  }

  #happened(what: string): void {
    this.events.push(this.#applying ? `${what} (while applying)` : what)
  }

  #watched(machine: LockMachine): StateMachine {
    return new Proxy<StateMachine>(machine, {
      get: (target, name) => {
        if (name === 'applyCommand') this.events.push('applies')
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (name === 'applyCommand') this.#applying = true
          const result: unknown = value.apply(target, args)
          if (name === 'endEntry') this.#applying = false
          return result
        }
      },
    })
  }
}

async function servingCluster() {
  const clock = new VirtualClock(settle)
  const network = new FakeNetwork(clock)
  const nodes = FOUNDERS.map(({ nodeId }, place) => new TestNode(nodeId, place + 1, clock, network))
  for (const { parts } of nodes) await parts.node.start()
  const until = async (what: string, done: () => boolean) =>
    expect(await clock.until(done, PATIENCE_MS), what).toBe(true)
  await until('all serve', () => nodes.every(({ speakMs }) => speakMs > 0))
  return { clock, nodes, until }
}

const speaker = (client: ClientProtocol) => (line: string) => client.data(new TextEncoder().encode(`${line}\n`))

it('nothing is said to a client while an entry is applied', async () => {
  const { nodes, until } = await servingCluster()
  const [node] = nodes
  if (node === undefined) throw new Error('no node')
  const { events } = node
  const say = speaker(node.connect())
  say('hello,version:2,redirect:no,lease:60')
  await until('welcome', () => events.some((event) => event.startsWith('welcome')))
  say('lock,id:1,name:x')
  await until('locked', () => events.some((event) => event.startsWith('ok,id:1,')))
  speaker(node.connect())('lock,name:x,wait:forever')
  speaker(node.connect())('lock,name:x')
  await until('refused', () => events.includes('not-granted'))
  say('release,id:2,name:x')
  await until('passed on', () => events.includes('ok'))
  expect(events.filter((event) => event.includes('while applying'))).toEqual([])
})

it('a node that wakes without its right closes its clients before it reads what its peers have sent', async () => {
  const { clock, nodes, until } = await servingCluster()
  const follower = nodes.find(({ parts }) => !parts.node.isLeader())
  if (follower === undefined) throw new Error('all lead')
  const { events } = follower
  const say = speaker(follower.connect())
  say('hello,version:2,redirect:no,lease:60')
  await until('welcome', () => events.some((event) => event.startsWith('welcome')))
  say('lock,id:1,name:x')
  await until('locked', () => events.some((event) => event.startsWith('ok,id:1,')))
  // Just after a renewal no timer of the lease is due for long: whatever happens next comes from the peers.
  let before = follower.speakMs
  await until('renewed', () => {
    const isLonger = follower.speakMs > before
    before = follower.speakMs
    return isLonger
  })

  say('release,id:2,name:x')
  // The proposal goes to the leader; what becomes of it comes back to a machine that has slept meanwhile.
  await clock.run(0)
  events.length = 0
  follower.suspendedMs = 2 * LEASE_MS
  await until('applied', () => events.includes('applies'))
  await clock.run(100)
  expect(events[0]).toBe('closed')
  expect(events.filter((event) => event !== 'applies')).toEqual(['closed'])
})
