/** What one directory knows, put into a machine with nobody left to ask: every entry counts, and every membership change. */
import { describe, expect, it } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { encodeMemberContext } from '../../../src/locks/state/members.js'
import { encodeConfChange } from '../../../src/raft/core/confchange/codec.js'
import { ConfChangeTransition, ConfChangeType, type Entry, EntryType } from '../../../src/raft/core/types.js'
import { FIRST_INDEX, writeGenesis } from '../../../src/raft/node/boot.js'
import { encodeBatch } from '../../../src/raft/node/command-batch.js'
import { replayLog } from '../../../src/raft/node/replay.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { GENESIS } from '../../locks/harness.js'
import { append, freshDirectory } from '../store/helpers.js'

const TERM = 2
/** Some are empty, as the first of a leader is. */
const started = (index: number, ...nodes: readonly string[]): Entry => ({
  ...{ index, term: TERM, type: EntryType.normal },
  data: nodes.length === 0 ? new Uint8Array() : encodeBatch(nodes.map((node) => nodeUp(node, index))),
})
const nodeUp = (node: string, epoch: number): Uint8Array => {
  const addresses = { address: `${node}:7654`, peer: `${node}:7655` }
  return encodeCommand(
    { type: CommandType.nodeUp, node, epoch, expected: 0, dead: 0, ...addresses, programLevel: 2 },
    1,
  )
}
const change = (index: number, ...words: Partial<Parameters<typeof encodeConfChange>[0]>[]): Entry => ({
  ...{ index, term: TERM, type: EntryType.confChangeV2 },
  data: encodeConfChange(
    Object.assign({ transition: ConfChangeTransition.auto, changes: [], context: new Uint8Array() }, ...words),
  ),
})
/** n4 for n3, by way of a joint configuration. */
const REPLACES = {
  transition: ConfChangeTransition.jointExplicit,
  changes: [
    { type: ConfChangeType.addNode, nodeId: 4 },
    { type: ConfChangeType.removeNode, nodeId: 3 },
  ],
  context: encodeMemberContext([{ raftId: 4, nodeId: 'n4', peerAddress: 'n4:7655' }]),
}
const LOG = [started(2), started(3, 'n1', 'n2'), change(4, REPLACES), started(5, 'n4'), change(6), started(7, 'n2')]

async function replayed(entries: readonly Entry[]) {
  const directory = freshDirectory()
  const store = await openStore(directory)
  await writeGenesis(store, FIRST_INDEX, [1, 2, 3], new LockMachine(GENESIS).snapshot())
  if (entries.length > 0) await append(store, entries, FIRST_INDEX)
  await store.close()
  const again = await openStore(directory)
  const machine = new LockMachine({ ...GENESIS, clusterId: '', members: [] })
  const told: string[] = []
  const last = await replayLog(again, machine, () => void told.push(...machine.takeEffects().map(({ kind }) => kind)))
  await again.close()
  return { last, machine, told }
}

describe('what a directory knows', () => {
  it('is its snapshot and all of its log, though no entry is known to be committed', async () => {
    const { last, machine, told } = await replayed(LOG)
    expect(last).toMatchObject({ index: 7, term: TERM })
    expect(told).toContain('membersChanged')
    expect(machine.takeEffects()).toEqual([])
    const epochs = [...machine.inspect().epochs.values()].map(({ node, epoch }) => `${node} ${epoch}`)
    expect(epochs.sort()).toEqual(['n1 3', 'n2 7', 'n4 5'])
  })

  it('follows every membership change, also one that the log breaks off in the middle of', async () => {
    const members = ({ machine }: Awaited<ReturnType<typeof replayed>>) => machine.members().map(({ nodeId }) => nodeId)
    const whole = await replayed(LOG)
    expect(whole.last?.confState).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [] })
    expect(members(whole)).toEqual(['n1', 'n2', 'n4'])
    const half = await replayed(LOG.slice(0, 4))
    expect(half.last?.confState).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [1, 2, 3] })
    expect(members(half)).toEqual(['n1', 'n2', 'n3', 'n4'])
  })

  it('is the snapshot alone where nothing follows, and nothing where there is none', async () => {
    const { last, machine } = await replayed([])
    expect(last).toMatchObject({ index: FIRST_INDEX, term: 1 })
    expect(machine.stateHash()).toBe(new LockMachine(GENESIS).stateHash())
    const store = await openStore(freshDirectory())
    expect(await replayLog(store, machine, () => undefined)).toBe(null)
    await store.close()
  })
})
