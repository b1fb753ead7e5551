/** What the workload goes by: the model, or a machine. */
import type { LockMachine } from '../../../src/locks/machine.js'
import type { Session } from '../../../src/locks/state/entities.js'

export interface SeenSession {
  readonly id: number
  readonly classic: boolean
  readonly identity: string | null
  readonly attach: number
  readonly lastN: number
  readonly place: { readonly node: string; readonly epoch: number } | null
  readonly leaseMs: number
  readonly attempt: number
  readonly answers: ReadonlyMap<number, unknown>
}

export interface SeenHold {
  readonly name: string
  readonly token: number
  readonly session: SeenSession | null
  readonly phase: string
  readonly loose: boolean
  readonly once: string
  readonly owner: number
  readonly secretHash: string
  readonly delayMs: number
  readonly minHoldMs: number
  readonly ttlMs: number
}

export interface Seen {
  readonly current: ReadonlyMap<string, number>
  readonly live: ReadonlyMap<number, { readonly node: string }>
  readonly sessions: readonly SeenSession[]
  readonly holds: readonly SeenHold[]
  readonly requests: readonly { readonly session: SeenSession; readonly request: number; readonly waitMs: number }[]
  readonly freezes: ReadonlyMap<string, { readonly prefix: string; readonly generation: number }>
  readonly marks: ReadonlyMap<string, { readonly key: string; readonly generation: number }>
}

const NO_ANSWERS: ReadonlyMap<number, unknown> = new Map()

function seenSession({ id, classic, identity, attach, lastN, place, terms }: Session): SeenSession {
  return {
    id,
    classic,
    identity,
    attach,
    lastN,
    place,
    leaseMs: terms?.leaseMs ?? 0,
    attempt: terms?.attempt ?? 0,
    answers: terms?.answers ?? NO_ANSWERS,
  }
}

export function seenOf(machine: LockMachine): Seen {
  const { nodes, epochs, sessions, holds, requests, freezes, marks } = machine.inspect()
  return {
    current: new Map([...nodes.values()].map(({ id, current }) => [id, current])),
    live: new Map([...epochs].filter(([, { live }]) => live)),
    sessions: [...sessions.values()].map(seenSession),
    holds: [...holds.values()].map(({ lock, token, session, phase, terms, owner }) => ({
      name: lock.name,
      token,
      session: session === null ? null : seenSession(session),
      phase,
      loose: terms?.loose ?? false,
      once: terms?.once ?? '',
      owner: owner?.session ?? session?.id ?? 0,
      secretHash: owner?.secretHash ?? '',
      delayMs: terms?.delayMs ?? 0,
      minHoldMs: terms?.minHoldMs ?? 0,
      ttlMs: terms?.ttlMs ?? 0,
    })),
    requests: [...requests].map(({ session, request, waitMs }) => ({
      session: seenSession(session),
      request,
      waitMs,
    })),
    freezes,
    marks,
  }
}
