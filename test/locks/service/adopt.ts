/** The model of a cluster that has just risen to level 2: it takes over what is there, and both go on from it. */
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import type { LockMachine } from '../../../src/locks/machine.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Workload as FormerWorkload } from '../workload.js'
import type { ModelSession } from './model/entities.js'
import type { Model } from './model/model.js'
import { NO_TERMS } from './model/operations.js'

/** So many random commands of a cluster of level 1, each in an entry of its own from `index` on; `apply` applies them. */
export function playFormer(
  machine: LockMachine,
  random: SeededRandom,
  count: number,
  apply: (bytes: Uint8Array) => void,
) {
  const workload = new FormerWorkload(machine)
  for (let left = count; left > 0; left--) {
    const [kind, who, what, odd] = [random.int(100), random.int(1_001), random.int(1_001), random.int(40)]
    apply(encodeCommand(workload.next({ kind, who, what, odd })))
  }
}

export function adopt(model: Model, machine: LockMachine): void {
  const state = machine.inspect()
  const { table } = model
  table.counter = state.counter
  table.wallMs = state.wallMs
  for (const { id, current } of state.nodes.values()) model.current.set(id, current)
  for (const { node, epoch, live, opened, floor } of state.epochs.values()) {
    if (live) model.live.set(epoch, { node, opened: new Set(opened), floor })
  }
  const sessions = new Map<number, ModelSession>()
  for (const session of [...state.sessions.values()].sort((a, b) => a.attachOrder - b.attachOrder)) {
    const { id, clientId, identity, classic, attach, lastN, place, conn, terms } = session
    sessions.set(id, {
      ...{ id, clientId, identity, classic, attach, lastN },
      secretHash: terms?.secretHash ?? '',
      leaseMs: terms?.leaseMs ?? 0,
      lingerMs: terms?.lingerMs ?? 0,
      place: place === null ? null : { node: place.node, epoch: place.epoch, conn },
      detachedForMs: terms?.detachedForMs ?? 0,
      acknowledged: Math.max(0, (terms?.lowestUnacknowledged ?? 0) - 1),
      highest: terms?.highestRequest ?? 0,
      attempt: terms?.attempt ?? 0,
      answers: new Map(terms?.answers ?? []),
    })
  }
  model.sessions = [...sessions.values()]
  const sessionOf = (id: number): ModelSession => {
    const found = sessions.get(id)
    if (found === undefined) throw new Error(`session ${id} is not there`)
    return found
  }
  for (const { name, limit } of state.locks.values()) table.limits.set(name, limit)
  const holds = [...state.holds.values()].sort((a, b) => a.token - b.token)
  table.holds = holds.map(({ lock, token, amount, request, session, phase, label, meta, sinceWallMs, terms }) => ({
    ...{ name: lock.name, token, amount, request, phase, holder: label, meta, sinceWallMs },
    ...{ loose: false, once: '', onceTtlMs: 0, owner: session?.id ?? 0, secretHash: '', identity: '' },
    session: session === null ? null : sessionOf(session.id),
    delayMs: terms?.delayMs ?? 0,
    minHoldMs: 0,
    ttlMs: 0,
  }))
  // They were ordered by their queues alone; now each has its place there for a number.
  const requests = [...state.requests].sort((a, b) => a.number - b.number || a.session.id - b.session.id)
  table.requests = requests.map(({ session, request, number, first, waitMs, meta, terms, wallMs }) => ({
    ...{ session: sessionOf(session.id), request, number, waitMs, keeps: 'all' as const },
    asks: [{ name: first.lock.name, amount: first.amount, limit: 0 }],
    terms: { ...NO_TERMS, waitMs, meta, delayMs: terms?.delayMs ?? 0, wallMs },
  }))
}
