/** A lock machine that is driven command by command, each in an entry of its own, and remembers what it said. */
import { encodeCommand } from '../../src/locks/commands/codec.js'
import {
  type Command,
  CommandType,
  type Epoch,
  EXCLUSIVE,
  type Lock,
  type NodeId,
  type OpenClassic,
  type SessionId,
} from '../../src/locks/commands/commands.js'
import type { Answer, Effect as Told } from '../../src/locks/effects.js'
import { type Genesis, LockMachine, type MachineOptions } from '../../src/locks/machine.js'

export const GENESIS: Genesis = {
  clusterId: 'test-cluster',
  nodeLeaseMs: 10_000,
  createdUnixSeconds: 1_000,
  members: ['n1', 'n2', 'n3'].map((nodeId, i) => ({ raftId: i + 1, nodeId, peerAddress: `${nodeId}:7655` })),
}
export const COUNTER_START = GENESIS.createdUnixSeconds * 2 ** 20

/** An effect as tests name it: `[kind, ...details]`, in the order of its fields. */
export type Effect = readonly [kind: Kind, ...details: unknown[]]
/** `delayed` is the old word for what the leader counts after an unclean end. */
type Kind = Told['kind'] | 'delayed'

/** What the machine has to tell since it was asked last. The view of a resumed session is looked at by its own test. */
export function taken(machine: LockMachine): Effect[] {
  // What watches are told follows from the rest, and has its own tests.
  const effects = machine.takeEffects().filter(({ kind }) => kind !== 'event' && kind !== 'untimed')
  return effects.map((effect) => {
    const { kind, ...details } = shortened(effect)
    return [kind, ...Object.values(details).filter((detail) => detail !== undefined)]
  })
}

type Shortened = Told | ({ readonly kind: Kind } & Readonly<Record<string, unknown>>)

/** In the words of level 1, which knows one name a request, exclusively. */
function shortened(effect: Told): Shortened {
  switch (effect.kind) {
    case 'resumed':
      return { ...effect, view: undefined }
    case 'queued':
      return { ...effect, limit: effect.limit === 0 ? undefined : effect.limit }
    case 'answered':
      return { ...effect, answer: shortAnswer(effect.answer) }
    case 'timed':
      return effect.clock === 'delay' ? { ...effect, kind: 'delayed', clock: undefined } : effect
    default:
      return effect
  }
}

/** A grant of one name, as it was told before there were several. */
export interface ShortGrant {
  readonly kind: 'granted'
  readonly name: string
  readonly token: number
}

export function shortAnswer(
  answer: Answer,
): ShortGrant | Exclude<Answer, { kind: 'granted' | 'not-granted' }> | object {
  if (answer.kind === 'granted' && answer.grants.length === 1) {
    const [{ name, token } = { name: '', token: 0 }] = answer.grants
    return { kind: 'granted', name, token }
  }
  if (answer.kind !== 'not-granted') return answer
  const { kind, name, reason, holder } = answer
  return { kind, name, reason, holder }
}

/** A session as a test speaks for it: numbers its commands as its node would. */
export interface Party {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly session: SessionId
  readonly attach: number
  n: number
  ack: number
}

export class Bench {
  readonly machine: LockMachine
  index = 0
  #conn = 0

  constructor(options: MachineOptions = {}) {
    this.machine = new LockMachine(GENESIS, { checkEachEntry: true, ...options })
  }

  /** Applies the commands as one entry and returns its effects; those of a membership change before it are not among them. */
  apply(...commands: Command[]): Effect[] {
    this.index += 1
    this.machine.takeEffects()
    for (const command of commands) this.machine.applyCommand(this.index, encodeCommand(command))
    this.machine.endEntry(this.index)
    return taken(this.machine)
  }

  nodeUp(node: NodeId, epoch: Epoch, expected = 0, dead = 0): Effect[] {
    return this.apply({
      type: CommandType.nodeUp,
      node,
      epoch,
      expected,
      dead,
      address: `${node}:7654`,
      peer: '',
      programLevel: 1,
    })
  }

  nextConn(): number {
    this.#conn += 1
    return this.#conn
  }

  open(node: NodeId, epoch: Epoch, options: { clientId?: string; leaseMs?: number; lingerMs?: number } = {}): Party {
    const { clientId = '', leaseMs = 10_000, lingerMs = 0 } = options
    const conn = this.nextConn()
    const opening = { node, epoch, conn, floor: 1, clientId, leaseMs, lingerMs, secretHash: 'secret', identity: '' }
    const effects = this.apply({ type: CommandType.open, ...opening })
    return { node, epoch, session: openedSession(effects), attach: 1, n: 0, ack: 0 }
  }

  classic(node: NodeId, epoch: Epoch, name: string, options: Partial<OpenClassic> = {}): Party & { effects: Effect[] } {
    const terms = { waitMs: 0, meta: '', delayMs: 0, wallMs: 5, amount: EXCLUSIVE, limit: 0 }
    const request = { clientId: '', name, ...terms }
    const command = { type: CommandType.openClassic, node, epoch, conn: this.nextConn(), floor: 1, ...request }
    const effects = this.apply({ ...command, ...options })
    return { node, epoch, session: openedSession(effects), attach: 1, n: 0, ack: 0, effects }
  }

  lock(party: Party, request: number, name: string, options: Partial<Lock> = {}): Effect[] {
    const asked = { name, waitMs: 0, meta: '', delayMs: 0, wallMs: 5, ...options }
    return this.apply({ type: CommandType.lock, ...numbered(party), request, ...asked })
  }

  release(party: Party, request: number, name: string, token = 0): Effect[] {
    return this.apply({ type: CommandType.release, ...numbered(party), request, name, token, done: false, wallMs: 0 })
  }

  cancel(party: Party, request: number, target: number): Effect[] {
    return this.apply({ type: CommandType.cancel, ...numbered(party), request, target })
  }

  resume(
    from: Party,
    node: NodeId,
    epoch: Epoch,
    secretHash = 'secret',
    attempt = 0,
  ): { party: Party; effects: Effect[] } {
    const header = { node, epoch, conn: this.nextConn(), floor: 1, identity: '', asAnyone: false }
    const effects = this.apply({ type: CommandType.resume, ...header, session: from.session, secretHash, attempt })
    const attach = this.machine.session(from.session)?.attach ?? 0
    return { party: { node, epoch, session: from.session, attach, n: 0, ack: from.ack }, effects }
  }

  token(name: string): number {
    return this.machine.holder(name)?.token ?? 0
  }
}

/** The header of the party's next command. */
export function numbered(party: Party) {
  party.n += 1
  return { ...attachment(party), n: party.n, ack: party.ack }
}

export function attachment({ node, epoch, session, attach }: Party) {
  return { node, epoch, session, attach }
}

function openedSession(effects: readonly Effect[]): SessionId {
  const opened = effects.find(([kind]) => kind === 'opened')
  return typeof opened?.[2] === 'number' ? opened[2] : 0
}

/** Effects without those that only acknowledge the node's numbering. */
export function essential(effects: readonly Effect[]): Effect[] {
  return effects.filter(([kind]) => kind !== 'applied')
}

/** What was answered, in order. */
export function answers(effects: readonly Effect[]): unknown[] {
  return effects
    .filter(([kind]) => kind === 'answered')
    .map(([, , session, request, answer]) => [session, request, answer])
}

export function kinds(effects: readonly Effect[]): string[] {
  return effects.map(([kind]) => kind)
}
