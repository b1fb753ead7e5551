/** Reads on any node see nothing older than their question (I9), and each ends once and in time. */
import type { ReadOutcome } from '../../../src/raft/node/reads/reads.js'
import type { NodeComposition } from '../../../src/service/composition.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'

/** On the clock of the process: whatever happens to it, some read is under way. */
const ASK_EVERY_MS = 150
/** Written down here again: a mistake in the limits of the node must not reach the check. */
const PATIENCE_MS = 5_000
const SLACK_MS = 2_000

export class ReadCheck {
  constructor(
    private readonly world: World,
    /** The highest index that anybody has applied. */
    private readonly lastIndex: () => number,
  ) {}

  /** From now on the node is asked again and again, for as long as its process lives. */
  tap(process: Process, { node }: Pick<NodeComposition, 'node'>): void {
    let underWay = 0
    const ask = (): void => {
      process.clock.after(ASK_EVERY_MS, ask)
      const atLeast = this.lastIndex()
      let isAnswered = false
      underWay++
      node.read((outcome) => {
        underWay--
        if (process.isAlive) this.answered(process.name, outcome, { isAnswered, isLeader: node.isLeader() })
        isAnswered = true
        if (outcome === 'current') this.current(process.name, node.appliedIndex(), atLeast)
      })
      // As long as the process stands still it asks nothing, so a pause cannot make them more.
      if (underWay * ASK_EVERY_MS > PATIENCE_MS + SLACK_MS) this.world.fail(`${process.name}: a read does not end`)
    }
    process.clock.after(ASK_EVERY_MS, ask)
  }

  answered(name: string, outcome: ReadOutcome, how: { isAnswered: boolean; isLeader: boolean }): void {
    if (how.isAnswered) this.world.fail(`${name} answers a read twice`)
    if (outcome === 'unavailable') this.world.count('read unavailable')
    else this.world.count(how.isLeader ? 'read at a leader' : 'read at a follower')
  }

  current(name: string, applied: number, atLeast: number): void {
    if (applied < atLeast) this.world.fail(`${name} reads at ${applied}; ${atLeast} was applied before it asked`)
  }
}
