/** Alerts of the group `tcpnetlock-locks`: clients that do what an operator should hear of. */
import { setMaxListeners } from 'node:events'
import type { Client } from '../../../src/client/index.js'
import { LineOverTls } from '../line-over-tls.js'
import type { Cause } from './cause.js'

const QUEUE = 101
const LOSSES = 6
/** A search for a deadlock looks at 10,000 holds and places at most: twelve waiters with so many locks each are too much. */
const CROWD = 12
const REQUESTS = 15
const NAMES = 64

/** So many requests wait for a lock that somebody holds, while `during` runs. */
async function whileWaiting(client: Client, name: string, count: number, during: () => Promise<void>): Promise<void> {
  const giveUp = new AbortController()
  setMaxListeners(0, giveUp.signal)
  const held = await client.acquire(name)
  const waiting = Array.from({ length: count }, () => client.acquire(name, { signal: giveUp.signal }))
  const settled = Promise.allSettled(waiting)
  try {
    await during()
  } finally {
    giveUp.abort()
    await settled
    await held.release()
  }
}

const longWait: Cause = {
  alerts: ['TcpNetLockLongWait'],
  isBeside: true,
  run: ({ client, fires }) => whileWaiting(client, 'shop/long-wait', 1, () => fires('TcpNetLockLongWait')),
}

const longQueue: Cause = {
  alerts: ['TcpNetLockLongQueue'],
  run: ({ client, fires }) => whileWaiting(client, 'shop/queue', QUEUE, () => fires('TcpNetLockLongQueue')),
}

const losses: Cause = {
  alerts: ['TcpNetLockLosses'],
  run: async ({ client, fires }) => {
    for (let each = 0; each < LOSSES; each++) await client.acquire(`shop/short-${each}`, { ttl: 100 })
    await fires('TcpNetLockLosses')
  },
}

/** x is held by one who will wait for z, and waited for by a crowd that keeps thousands of locks: is z waited for in a circle? */
const unexamined: Cause = {
  alerts: ['TcpNetLockUnexaminedWaits'],
  run: async ({ drill, fires }) => {
    const { cluster, security } = drill
    const session = (at: number) => {
      const { port } = cluster.node(at % cluster.nodes.length)
      return LineOverTls.session(port, security.ca, security.token('shop'))
    }
    const [holder, other, ...crowd] = await Promise.all(Array.from({ length: CROWD + 2 }, (_, at) => session(at)))
    if (holder === undefined || other === undefined) throw new Error('two sessions')
    try {
      await holder.ask(1, 'lock,id:1,name:shop/unexamined/x')
      await other.ask(1, 'lock,id:1,name:shop/unexamined/z')
      await Promise.all(
        crowd.map(async (wire, who) => {
          for (let id = 1; id <= REQUESTS; id++) {
            const names = Array.from({ length: NAMES }, (_, place) => `name:shop/unexamined/${who}-${id}-${place}`)
            await wire.ask(id, `lock,id:${id},${names.join()}`)
          }
          await wire.ask(REQUESTS + 1, `lock,id:${REQUESTS + 1},name:shop/unexamined/x,wait:forever`)
        }),
      )
      await holder.ask(2, 'lock,id:2,name:shop/unexamined/z,wait:forever')
      await fires('TcpNetLockUnexaminedWaits', { of: cluster.node(0) })
    } finally {
      for (const wire of [holder, other, ...crowd]) {
        wire.send('bye\n')
        wire.close()
      }
    }
  },
}

export const OF_LOCKS: readonly Cause[] = [longWait, longQueue, losses, unexamined]
