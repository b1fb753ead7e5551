/** The cluster's feature level: when it rises, what it holds back, and what a program that is too old does. */
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/bytes/reader.js'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { encodeMemberContext } from '../../src/locks/state/members.js'
import { OlderProgramError } from '../../src/raft/ports/older-program.js'
import { Bench, type Effect, GENESIS, taken } from './harness.js'

const NODES = ['n1', 'n2', 'n3']

/** Nodes of a program of this level are up, each under epoch 101, 102, 103. */
function clusterOf(programLevel: number, bench = new Bench({ programLevel: 3 })): Bench {
  for (const [i, node] of NODES.entries()) up(bench, node, 101 + i, 0, programLevel)
  return bench
}

function up(bench: Bench, node: string, epoch: number, expected: number, programLevel: number): Effect[] {
  const address = `${node}:7654`
  return bench.apply({
    type: CommandType.nodeUp,
    node,
    epoch,
    expected,
    dead: expected,
    address,
    peer: '',
    programLevel,
  })
}

const raise = (bench: Bench, to: number, expected = to - 1): Effect[] =>
  bench.apply({ type: CommandType.setLevel, to, expected })

const hold = (bench: Bench, held: boolean): Effect[] => bench.apply({ type: CommandType.holdLevel, held })

function copyOf(bench: Bench, programLevel: number): LockMachine {
  const copy = new LockMachine(GENESIS, { programLevel })
  const restorer = copy.beginRestore()
  const image = bench.machine.snapshot()
  for (let chunk = image.next(1_000); chunk !== null; chunk = image.next(1_000)) restorer.push(chunk)
  restorer.end()
  restorer.finish(bench.index)
  return copy
}

const conf = (voters: number[], more: { learners?: number[]; votersOutgoing?: number[] } = {}) => {
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, ...more }
}

describe('the level rises', () => {
  test('by one, when every member is up with a program that has it', () => {
    const bench = clusterOf(2)
    expect(bench.machine.level).toBe(1)
    expect(bench.machine.canRaiseTo(2)).toBe(true)
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
    expect(bench.machine.level).toBe(2)
  })

  test('once: a late or repeated word does nothing', () => {
    const bench = clusterOf(3)
    raise(bench, 2)
    expect(raise(bench, 2)).toEqual([])
    expect(bench.machine.level).toBe(2)
    expect(raise(bench, 3)).toEqual([['levelRaised', 3]])
    expect(raise(bench, 2)).toEqual([])
    expect(bench.machine.level).toBe(3)
  })

  test('no two steps at once, and never back', () => {
    const bench = clusterOf(3)
    expect(raise(bench, 3, 1)).toEqual([])
    expect(raise(bench, 3, 2)).toEqual([])
    expect(raise(bench, 1, 1)).toEqual([])
    expect(raise(bench, 0, 1)).toEqual([])
    expect(bench.machine.level).toBe(1)
  })
})

describe('the level stays', () => {
  test('while one member runs the older program', () => {
    const bench = clusterOf(2)
    up(bench, 'n3', 203, 103, 1)
    expect(bench.machine.levelOfNode('n3')).toBe(1)
    expect(bench.machine.canRaiseTo(2)).toBe(false)
    expect(raise(bench, 2)).toEqual([])
  })

  test('while one member is down: it may come back with the older program', () => {
    const bench = clusterOf(2)
    bench.apply({ type: CommandType.nodeDown, node: 'n2', epoch: 102 })
    expect(bench.machine.levelOfNode('n2')).toBe(null)
    expect(raise(bench, 2)).toEqual([])
    up(bench, 'n2', 202, 102, 2)
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
  })

  test('while an earlier epoch of a member lives, which is not its current one: that counts for nothing', () => {
    const bench = clusterOf(1)
    // Without proof of death the old epochs stay live.
    for (const [i, node] of NODES.entries()) {
      const address = `${node}:7654`
      const epochs = { epoch: 201 + i, expected: 101 + i, dead: 0 }
      bench.apply({ type: CommandType.nodeUp, node, ...epochs, address, peer: '', programLevel: 2 })
    }
    expect([...bench.machine.liveEpochs()]).toHaveLength(6)
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
  })

  test('while a learner runs the older program, or was never up', () => {
    const bench = clusterOf(2)
    const context = encodeMemberContext([{ raftId: 9, nodeId: 'n9', peerAddress: 'n9:1' }])
    bench.machine.applyMembership(50, conf([1, 2, 3], { learners: [9] }), [], context)
    taken(bench.machine)
    expect(raise(bench, 2)).toEqual([])
    up(bench, 'n9', 109, 0, 1)
    expect(raise(bench, 2)).toEqual([])
    up(bench, 'n9', 209, 109, 2)
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
  })

  test('while a voter that is on its way out runs the older program: both halves count', () => {
    const bench = clusterOf(2)
    up(bench, 'n3', 203, 103, 1)
    const context = encodeMemberContext([{ raftId: 9, nodeId: 'n9', peerAddress: 'n9:1' }])
    bench.machine.applyMembership(50, conf([1, 2, 9], { votersOutgoing: [1, 2, 3] }), [], context)
    up(bench, 'n9', 109, 0, 2)
    expect(raise(bench, 2)).toEqual([])
    bench.machine.applyMembership(60, conf([1, 2, 9]), [], new Uint8Array(0))
    taken(bench.machine)
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
  })

  test('while the operator holds it', () => {
    const bench = clusterOf(2)
    expect(hold(bench, true)).toEqual([['levelHeld', true]])
    expect(hold(bench, true)).toEqual([])
    expect(bench.machine.isLevelHeld).toBe(true)
    expect(bench.machine.canRaiseTo(2)).toBe(false)
    expect(raise(bench, 2)).toEqual([])
    expect(hold(bench, false)).toEqual([['levelHeld', false]])
    expect(raise(bench, 2)).toEqual([['levelRaised', 2]])
  })
})

describe('a program below the level', () => {
  test('gets no epoch, and is told', () => {
    const bench = clusterOf(2)
    raise(bench, 2)
    const hash = bench.machine.stateHash()
    expect(up(bench, 'n3', 203, 103, 1)).toEqual([['nodeTooOld', 'n3', 203, 2]])
    expect(bench.machine.stateHash()).toBe(hash)
    expect(bench.machine.isLive('n3', 103)).toBe(true)
  })

  test('stops where the level rises above it, before anything has changed', () => {
    const bench = clusterOf(2, new Bench({ programLevel: 1 }))
    const hash = bench.machine.stateHash()
    expect(() => raise(bench, 2)).toThrow(OlderProgramError)
    expect(() => raise(bench, 2)).toThrow(/needs feature level 2, and this program knows 1/)
    expect(bench.machine.stateHash()).toBe(hash)
  })

  test('goes on where the word comes too early: somebody else holds the level back', () => {
    const bench = clusterOf(2, new Bench({ programLevel: 1 }))
    up(bench, 'n1', 201, 101, 1)
    expect(raise(bench, 2)).toEqual([])
  })

  test('reads no snapshot of a higher level, and the one of its own', () => {
    const bench = clusterOf(2)
    expect(copyOf(bench, 1).stateHash()).toBe(bench.machine.stateHash())
    raise(bench, 2)
    expect(() => copyOf(bench, 1)).toThrow(OlderProgramError)
    expect(copyOf(bench, 2).stateHash()).toBe(bench.machine.stateHash())
  })

  test('finds the level in the first bytes of a snapshot: record, kind, level', () => {
    const bench = clusterOf(2)
    raise(bench, 2)
    const restorer = new LockMachine(GENESIS, { programLevel: 1 }).beginRestore()
    // Of what follows it could read nothing.
    const header = Uint8Array.from([5, 0, 0, 0, 1, 2, 255, 255, 255])
    expect(() => restorer.push(header)).toThrow(OlderProgramError)
  })
})

describe('what a snapshot keeps', () => {
  test('the level, the hold and the level of each epoch', () => {
    const bench = clusterOf(3)
    raise(bench, 2)
    hold(bench, true)
    const copy = copyOf(bench, 3)
    expect([copy.level, copy.isLevelHeld, copy.levelOfNode('n2')]).toEqual([2, true, 3])
    expect(copy.stateHash()).toBe(bench.machine.stateHash())
  })

  test.each([
    ['the level', (bench: Bench) => raise(bench, 2)],
    ['the hold', (bench: Bench) => hold(bench, true)],
  ])('%s is in the hash', (_what, change) => {
    const bench = clusterOf(2)
    const hash = bench.machine.stateHash()
    change(bench)
    expect(bench.machine.stateHash()).not.toBe(hash)
  })

  test('that of the moment at which it was begun, though the level rises while it is written', () => {
    const bench = clusterOf(2)
    const hash = bench.machine.stateHash()
    const image = bench.machine.snapshot()
    raise(bench, 2)
    const copy = new LockMachine(GENESIS, { programLevel: 1 })
    const restorer = copy.beginRestore()
    for (let chunk = image.next(100); chunk !== null; chunk = image.next(100)) restorer.push(chunk)
    restorer.end()
    restorer.finish(bench.index)
    expect([copy.level, copy.stateHash()]).toEqual([1, hash])
  })

  test('a level that no cluster has is no snapshot', () => {
    const restorer = new LockMachine(GENESIS).beginRestore()
    expect(() => restorer.push(Uint8Array.from([2, 0, 0, 0, 1, 0]))).toThrow(FormatError)
  })
})

describe('a command in the log', () => {
  const sweep = encodeCommand({ type: CommandType.sweep })

  test('of a level that the cluster has not does nothing, on whatever program', () => {
    for (const programLevel of [1, 2, 3]) {
      const bench = clusterOf(1, new Bench({ programLevel }))
      const hash = bench.machine.stateHash()
      const bytes = encodeCommand({ type: CommandType.nodeDown, node: 'n1', epoch: 101 })
      bytes[0] = 2
      bench.machine.applyCommand(90, bytes)
      bench.machine.applyCommand(90, Uint8Array.from([3, 200, 7, 7]))
      expect([bench.machine.stateHash(), bench.machine.ignoredCount]).toEqual([hash, 2])
    }
  })

  test('of the level that the cluster has, and of a lower one, is carried out', () => {
    const bench = clusterOf(2)
    raise(bench, 2)
    const down = (node: string, epoch: number) => ({ type: CommandType.nodeDown, node, epoch }) as const
    bench.machine.applyCommand(90, encodeCommand(down('n1', 101), 2))
    bench.machine.applyCommand(90, encodeCommand(down('n2', 102), 1))
    expect([...bench.machine.liveEpochs()].map(({ node }) => node)).toEqual(['n3'])
    expect(bench.machine.ignoredCount).toBe(0)
  })

  test.each([
    ['of no type', Uint8Array.from([1, 200])],
    ['of no level', Uint8Array.from([0, CommandType.sweep])],
    ['that is cut', encodeCommand({ type: CommandType.nodeDown, node: 'n1', epoch: 101 }).slice(0, 5)],
    ['with more behind it', Uint8Array.from([...sweep, 1])],
    ['of nothing', new Uint8Array(0)],
  ])('%s does nothing: it ends no node, and none again at each start', (_what, bytes) => {
    const bench = clusterOf(1)
    const hash = bench.machine.stateHash()
    bench.machine.applyCommand(90, bytes)
    expect([bench.machine.stateHash(), bench.machine.ignoredCount]).toEqual([hash, 1])
  })
})
