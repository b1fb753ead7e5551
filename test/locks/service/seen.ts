/** A machine as the workload sees it. */
import type { LockMachine } from '../../../src/locks/machine.js'
import type { Session } from '../../../src/locks/state/entities.js'
import type { Seen, SeenSession } from './workload.js'

const NO_ANSWERS: ReadonlyMap<number, unknown> = new Map()

function seenSession({ id, classic, attach, lastN, place, terms }: Session): SeenSession {
  return {
    id,
    classic,
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
