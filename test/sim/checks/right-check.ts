/**
 * The right to speak, counted once more from what crosses the network (rules.md rule 2), and reads that are never
 * older than what was applied when they began (I9).
 */
import { FrameKind } from '../../../src/raft/ports/transport.js'
import type { NodeComposition } from '../../../src/service/composition.js'
import { decodeRenewal, decodeRenewalAnswer } from '../../../src/service/leases/renewal-frames.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'

/** Rule 2, written down here again: a mistake in the server's limits must not reach the check. */
const SPEAK_SHARE = 0.9
const SPEAK_MARGIN_MS = 50

interface Right {
  readonly epoch: number
  /** On the boot clock of its machine. */
  untilMs: number
  /** When each unanswered renewal was sent. */
  readonly sentAtMs: Map<number, number>
  /** Answers that name an index which is not applied yet. */
  answered: { readonly sentAtMs: number; readonly commitIndex: number }[]
}

export class RightCheck {
  readonly #rights = new Map<Process, Right>()

  constructor(
    private readonly world: World,
    private readonly lastIndex: () => number,
  ) {}

  tap(process: Process, { node, service }: NodeComposition): void {
    const [sendPeer, onPeerFrame] = [node.sendPeer.bind(node), service.onPeerFrame.bind(service)]
    const confirmLeadership = node.confirmLeadership.bind(node)
    node.sendPeer = (to, lane, kind, payload) => {
      const renewal = kind === FrameKind.renew ? decodeRenewal(payload) : null
      if (renewal !== null) this.#of(process, renewal.epoch).sentAtMs.set(renewal.number, process.clock.speakerNow())
      return sendPeer(to, lane, kind, payload)
    }
    service.onPeerFrame = (from, kind, payload) => {
      const answer = kind === FrameKind.renewed ? decodeRenewalAnswer(payload) : null
      const right = this.#rights.get(process)
      const sentAtMs = answer === null ? undefined : right?.sentAtMs.get(answer.number)
      if (answer !== null && right?.epoch === answer.epoch && sentAtMs !== undefined) {
        right.answered.push({ sentAtMs, commitIndex: answer.commitIndex })
      }
      onPeerFrame(from, kind, payload)
    }
    // A leader renews its own epoch by the quorum rounds that it asks for.
    node.confirmLeadership = (done) => {
      const beganAtMs = process.clock.speakerNow()
      const [atLeast, { epoch }] = [this.lastIndex(), service.stats()]
      confirmLeadership((index) => {
        if (index !== null && process.isAlive) this.#confirmed(process, epoch, beganAtMs, index, atLeast)
        done(index)
      })
    }
  }

  /** `process` writes a positive word under `epoch`, having applied everything up to `appliedIndex`. */
  spoken(process: Process, leaseMs: number, epoch: number, appliedIndex: number, line: string): void {
    const right = this.#rights.get(process)
    const nowMs = process.clock.speakerNow()
    if (right?.epoch === epoch) {
      const lengthMs = SPEAK_SHARE * leaseMs - SPEAK_MARGIN_MS
      for (const { sentAtMs, commitIndex } of right.answered) {
        if (commitIndex <= appliedIndex) right.untilMs = Math.max(right.untilMs, sentAtMs + lengthMs)
      }
      right.answered = right.answered.filter(({ commitIndex }) => commitIndex > appliedIndex)
      if (nowMs <= right.untilMs) return
    }
    const overMs = right?.epoch === epoch ? `${nowMs - right.untilMs} ms after its end` : 'which it never had'
    this.world.fail(`${process.name} says "${line}" outside the right to speak of epoch ${epoch}, ${overMs}`)
  }

  #confirmed(process: Process, epoch: number, beganAtMs: number, index: number, atLeast: number): void {
    this.world.count('leadership confirmed')
    if (index < atLeast) this.world.fail(`${process.name} reads at ${index}; ${atLeast} was applied before it asked`)
    if (epoch !== 0) this.#of(process, epoch).answered.push({ sentAtMs: beganAtMs, commitIndex: index })
  }

  #of(process: Process, epoch: number): Right {
    const known = this.#rights.get(process)
    if (known?.epoch === epoch) return known
    const right: Right = { epoch, untilMs: Number.NEGATIVE_INFINITY, sentAtMs: new Map(), answered: [] }
    this.#rights.set(process, right)
    return right
  }
}
