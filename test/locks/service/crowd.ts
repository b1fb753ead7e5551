/** Many clients of one machine, where a model beside it would take too long. */
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import type { Effect } from '../../../src/locks/effects.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { GENESIS } from './world.js'

const TERMS = {
  ...{ waitMs: -1, meta: '', delayMs: 0, minHoldMs: 0, ttlMs: 0, loose: false, once: '', onceTtlMs: 0 },
  ...{ keepsAll: false, keeps: [], keepsAnyones: false, wallMs: 1 },
}

/** A machine of level 2 and many clients at one node, without a model beside it. */
export class Crowd {
  readonly machine: LockMachine
  readonly terms = TERMS
  #index = 0
  readonly #sessions: { session: number; n: number; request: number }[] = []

  /** `checked`: looks at everything after every entry. */
  constructor(checked = false) {
    this.machine = new LockMachine(GENESIS, { checkEachEntry: checked })
    for (const [at, { nodeId: node }] of GENESIS.members.entries()) {
      const up = { node, epoch: 10 + at, expected: 0, dead: 0, address: '', peer: '', programLevel: 2 }
      this.apply({ type: CommandType.nodeUp, ...up })
    }
    this.apply({ type: CommandType.setLevel, to: 2, expected: 1 })
  }

  apply(...commands: Command[]): readonly Effect[] {
    this.#index++
    for (const command of commands) this.machine.applyCommand(this.#index, encodeCommand(command, this.machine.level))
    this.machine.endEntry(this.#index)
    return this.machine.takeEffects()
  }

  /** A session of its own for each. */
  open(): number {
    const at = this.#sessions.length
    const opening = { node: 'n1', epoch: 10, conn: at + 1, floor: 1, clientId: `c${at}`, secretHash: '', identity: '' }
    const [opened] = this.apply({ type: CommandType.open, ...opening, leaseMs: 10_000, lingerMs: 0 })
    if (opened?.kind !== 'opened') throw new Error('not opened')
    this.#sessions.push({ session: opened.session, n: 0, request: 0 })
    return at
  }

  asking(at: number) {
    const one = this.#sessions[at]
    if (one === undefined) throw new Error('no such session')
    one.n++
    one.request++
    const { session, n, request } = one
    return { node: 'n1', epoch: 10, session, attach: 1, n, ack: request - 1, request }
  }

  ask(at: number, names: readonly string[], amount: number, limit = 0, more: object = {}): readonly Effect[] {
    const asks = names.map((name) => ({ name, amount, limit }))
    return this.apply({ type: CommandType.ask, ...this.asking(at), asks, ...TERMS, ...more })
  }
}
