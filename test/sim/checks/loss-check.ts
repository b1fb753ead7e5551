/**
 * `lost` comes first (rules.md rule 12): from the entry that took a hold away, its node says nothing positive on the connection
 * of the session before it has said so.
 */
import type { Effect } from '../../../src/locks/effects.js'
import type { World } from '../world.js'
import { isPositive } from './lock-check.js'

type Lost = Extract<Effect, { readonly kind: 'lost' }>

interface Untold {
  readonly node: string
  readonly epoch: number
  readonly token: number
  readonly index: number
}

/** What is written on one connection of a node. */
export class Words {
  session = 0

  constructor(private readonly check: LossCheck) {}

  /** `appliedIndex`: of the node, as it hands these lines to its kernel. */
  written(node: string, epoch: number, text: string, appliedIndex: number): void {
    const lines = text.split('\n')
    for (const [place, line] of lines.entries()) {
      const session = /^welcome,session:(\d+)/.exec(line)?.[1]
      if (session !== undefined) {
        // What was lost before is in no `held` of the resumed session.
        this.session = Number(session)
        this.check.welcomed(this.session)
      } else if (this.session !== 0 && !isOfEarlierCommand(line, lines.slice(place))) {
        this.check.said(this.session, { node, epoch }, line, appliedIndex)
      }
    }
  }
}

/**
 * What a turn has to tell is told in its order, with one write: an `ok` of an earlier command of the entry, or a `safe` or an
 * `alive` from before the entry was applied, may stand before the loss that came after it. Who reads one reads the other.
 */
function isOfEarlierCommand(line: string, rest: readonly string[]): boolean {
  return /^(ok,|queued,|held,|safe$|alive$)/.test(line) && rest.some((later) => later.startsWith('lost,'))
}

export class LossCheck {
  readonly #untold = new Map<number, Untold[]>()
  /** The entry that took each away. */
  readonly #lost = new Map<number, number>()

  constructor(private readonly world: World) {}

  lost({ where, session, token, reason }: Lost, index: number): void {
    this.world.count(`seen lost: ${reason}`)
    this.#lost.set(token, index)
    if (where === null) return
    const untold = this.#untold.get(session) ?? []
    this.#untold.set(session, [...untold, { node: where.node, epoch: where.epoch, token, index }])
  }

  welcomed(session: number): void {
    this.#untold.delete(session)
  }

  said(session: number, at: { node: string; epoch: number }, line: string, appliedIndex: number): void {
    if (line.startsWith('held,')) this.#found(at.node, line, appliedIndex)
    const untold = this.#untold.get(session)
    if (untold === undefined) return
    if (line.startsWith('lost,')) {
      const token = Number(/,token:(\d+)/.exec(line)?.[1])
      this.#untold.set(
        session,
        untold.filter((lost) => lost.token !== token),
      )
    } else if (isPositive(line)) {
      const first = untold.find(
        (lost) => lost.node === at.node && lost.epoch === at.epoch && lost.index <= appliedIndex,
      )
      if (first === undefined) return
      this.world.fail(`${at.node} says "${line}" to session ${session} before it says that ${first.token} is lost`)
    }
  }

  /** What was taken away is in no list of what a session holds. */
  #found(node: string, line: string, appliedIndex: number): void {
    const token = Number(/,token:(\d+)/.exec(line)?.[1])
    const lostAt = this.#lost.get(token)
    if (lostAt !== undefined && lostAt <= appliedIndex)
      this.world.fail(`${node} says "${line}", which was lost at ${lostAt}`)
  }
}
