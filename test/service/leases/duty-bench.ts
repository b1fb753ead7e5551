/** A leader's duties alone, in virtual time: what they propose, and on what state they look is up to the test. */
import { decodeCommand } from '../../../src/locks/commands/codec.js'
import type { Command } from '../../../src/locks/commands/commands.js'
import type { Clock } from '../../../src/platform.js'
import type { NodeApi } from '../../../src/raft/node/node-api.js'
import { Office } from '../../../src/service/leases/office.js'
import type { StateView } from '../../../src/service/state-view.js'
import { VirtualTime } from '../../../src/testing/virtual-time.js'

const WALL_ORIGIN_MS = 1_700_000_000_000

export class DutyBench {
  readonly time = new VirtualTime()
  /** Everything that was proposed, with the time of it. */
  readonly proposed: { readonly command: Command; readonly atMs: number }[] = []
  /** Of the proposals of one event. */
  mostInOneTurn = 0
  /** Somebody has set the wall clock. */
  wallOffsetMs = 0
  isLeaderReady = true
  readonly clock: Clock
  readonly office: Office
  readonly state: StateView
  #inTurn = 0

  /** `state`: what the duties under test ask for; asked for anything else they fail. */
  constructor(state: Partial<StateView>, level = 2) {
    const { time } = this
    this.clock = {
      speakerNow: () => time.nowMs,
      takerNow: () => time.nowMs,
      wallNow: () => WALL_ORIGIN_MS + Math.floor(time.nowMs) + this.wallOffsetMs,
      after: (delayMs, run) => time.after(delayMs, run),
      soon: (run) => void time.after(0, run),
    }
    this.state = Object.assign(state, { level }) as StateView
    const node: Pick<NodeApi, 'isLeaderReady' | 'term' | 'proposals'> = {
      isLeaderReady: () => this.isLeaderReady,
      term: () => 1,
      proposals: {
        propose: (bytes) => {
          this.proposed.push({ command: decodeCommand(bytes), atMs: time.nowMs })
          this.mostInOneTurn = Math.max(this.mostInOneTurn, ++this.#inTurn)
          return true
        },
        isBusy: () => false,
        count: 0,
      },
    }
    this.office = new Office(node as NodeApi, this.state)
    this.office.take(1)
  }

  get commands(): Command[] {
    return this.proposed.map(({ command }) => command)
  }

  advance(ms: number): void {
    const untilMs = this.time.nowMs + ms
    for (let event = this.time.next(untilMs); event !== null; event = this.time.next(untilMs)) {
      this.#inTurn = 0
      event.run?.()
    }
    this.#inTurn = 0
  }
}
