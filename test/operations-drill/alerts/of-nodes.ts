/** Alerts of nodes that are slow, behind, of a broken program, or gone. */
import { builtProgram, until } from '../../kit/process-cluster.js'
import { editedProgram } from '../../kit/programs/edited.js'
import type { Edit } from '../../mutants/mutant.js'
import { LineOverTls } from '../line-over-tls.js'
import type { Cause } from './cause.js'

/** Three times of what the alert allows. */
const SLOW_SYNC_MS = 300

/**
 * A program with a bug: while it leads, each entry has one command more, which nobody can read. (From a follower the leader takes no
 * such command.)
 */
export const UNREADABLE: readonly Edit[] = [
  {
    file: 'src/raft/node/command-queue.ts',
    find: 'return batches.map(encodeBatch)',
    replace:
      'const isLeaders = Number.isFinite(this.limits.batchCommands)\n    return batches.map((batch) => encodeBatch(isLeaders ? [...batch, Uint8Array.of(0)] : batch))',
  },
]

/** By a session, because four changes within what is a quarter of an hour leave no time to start a program for each. */
const leaderChanges: Cause = {
  alerts: ['TcpNetLockLeaderChanges'],
  run: async ({ drill: { cluster, security }, fires }) => {
    const wire = await LineOverTls.session(cluster.node(0).port, security.ca, security.token('operators'))
    let id = 0
    await fires('TcpNetLockLeaderChanges', {
      again: async () => {
        const [heir] = await cluster.followers()
        id += 1
        // It may be refused: the leader has only just begun.
        await wire.ask(id, `.transfer,id:${id},node:${heir.id}`)
      },
    })
    wire.close()
  },
}

const slowDisk: Cause = {
  alerts: ['TcpNetLockSlowDisk'],
  run: async ({ drill, fires }) => {
    const [of] = await drill.cluster.followers()
    await drill.disks.while(of.id, 'syncDelayMs', SLOW_SYNC_MS, () => fires('TcpNetLockSlowDisk', { of }))
  },
}

/** Its disk hangs: the others go on without it. (Some time later it would end by itself.) */
const nodeBehind: Cause = {
  alerts: ['TcpNetLockNodeBehind'],
  run: async ({ drill, fires }) => {
    const [of] = await drill.cluster.followers()
    await drill.disks.while(of.id, 'syncHang', 1, () => fires('TcpNetLockNodeBehind', { of }))
    await drill.cluster.untilAllServe()
  },
}

const unreadableCommands: Cause = {
  alerts: ['TcpNetLockUnreadableCommands'],
  run: async ({ drill, fires }) => {
    const broken = await editedProgram('unreadable', UNREADABLE)
    const [node, of] = await drill.cluster.followers()
    await drill.restart(node, `${broken}/dist/cli/tnl-server.js`)
    await drill.tnl('transfer', node.id)
    await fires('TcpNetLockUnreadableCommands', { of })
    await drill.restart(node, builtProgram('tnl-server'))
  },
}

/** Two of three are down, for good. */
const noQuorum: Cause = {
  alerts: [
    ...['TcpNetLockNodeDown', 'TcpNetLockOneFailureFromStop', 'TcpNetLockNoLeader', 'TcpNetLockNodeNotReady'],
    'TcpNetLockTurnedAway',
  ],
  run: async ({ drill, fires }) => {
    const [last, second, first] = drill.cluster.nodes
    if (last === undefined || second === undefined || first === undefined) throw new Error('three nodes')
    first.signal('SIGKILL')
    await first.ended()
    await fires('TcpNetLockNodeDown', { of: first })
    await fires('TcpNetLockOneFailureFromStop')
    second.signal('SIGKILL')
    await second.ended()
    await fires('TcpNetLockNoLeader')
    await fires('TcpNetLockNodeNotReady', { of: last })
    // Whoever is connected when the right to speak ends is closed without a word; who comes later is told.
    await fires('TcpNetLockTurnedAway', {
      again: () =>
        until('a client is told', async () => {
          const wire = await LineOverTls.open(last.port, drill.security.ca)
          wire.send(`lock,name:shop/x,auth:${drill.security.token('shop')}\n`)
          const said = await wire.until((text) => text.includes('\n'))
          wire.close()
          if (said !== '' && said !== 'err,no quorum\n') throw new Error(`without a quorum a client is told "${said}"`)
          return said !== ''
        }),
    })
  },
}

export const OF_NODES: readonly Cause[] = [leaderChanges, slowDisk, nodeBehind, unreadableCommands]
/** What comes last: nothing is served after it. */
export const THE_LAST: readonly Cause[] = [noQuorum]
