import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import type { Command } from '../../src/locks/commands/commands.js'
import type { Answer } from '../../src/locks/effects.js'
import { LockMachine } from '../../src/locks/machine.js'
import { type Effect, GENESIS, type ShortGrant, taken } from './harness.js'
import { Model } from './model.js'
import { choices, RUNS, Workload } from './workload.js'

/** The same words as the model's for an answer. */
function wordsOf(answer: Answer | ShortGrant): string {
  if ('token' in answer && answer.kind === 'granted') return `granted ${answer.name} ${answer.token}`
  switch (answer.kind) {
    case 'granted':
      return answer.grants.map(({ name, token }) => `granted ${name} ${token}`).join()
    case 'not-granted':
      return `${answer.reason} ${answer.name} ${answer.holder}`
    case 'released':
      return `released ${answer.name}`
    case 'cancelled':
      return 'cancelled'
    case 'error':
      return answer.code
    default:
      return `an answer of a later level: ${answer.kind}`
  }
}

function dumpMachine(machine: LockMachine): unknown {
  const sessions = [...machine.inspect().sessions.keys()].map((id) => {
    const view = machine.session(id)
    return {
      id,
      attach: view?.attach,
      lastN: view?.lastN,
      where: view?.where,
      acknowledged: Math.max(0, (view?.lowestUnacknowledged ?? 0) - 1),
      answers: view?.answers.map(([request, answer]) => [request, wordsOf(answer)]),
      held: view?.held.map(({ name, token }) => [name, token]),
      queued: view?.queued.map(({ request, name, position }) => [request, name, position]),
    }
  })
  return {
    sessions: sessions.sort((a, b) => a.id - b.id),
    detached: [...machine.detachedSessions()].map(({ session, forMs }) => [session, forMs]).sort(),
    delayed: [...machine.timedHolds()].map(({ name, token }) => [name, token]).sort(),
    live: [...machine.liveEpochs()].map(({ node, epoch }) => [node, epoch]).sort(),
  }
}

function dumpModel(model: Model): unknown {
  const locks = [...model.locks]
  const sessions = model.sessions.map((session) => ({
    id: session.id,
    attach: session.attach,
    lastN: session.lastN,
    where: session.place,
    acknowledged: session.acknowledged,
    answers: [...session.answers].sort(([a], [b]) => a - b),
    held: locks
      .filter(([, lock]) => lock.holder === session)
      .map(([name, lock]) => [name, lock.token] as const)
      .sort(([, a], [, b]) => a - b),
    queued: locks
      .flatMap(([name, lock]) => lock.queue.map((waiter, i) => ({ waiter, name, position: i + 1 })))
      .filter(({ waiter }) => waiter.session === session)
      .map(({ waiter, name, position }) => [waiter.request, name, position] as const)
      .sort(([a], [b]) => a - b),
  }))
  const detached = model.sessions.filter(({ place }) => place === null)
  return {
    sessions: sessions.sort((a, b) => a.id - b.id),
    detached: detached.map(({ id, detachedForMs }) => [id, detachedForMs]).sort(),
    delayed: locks
      .filter(([, lock]) => lock.holder === null)
      .map(([name, lock]) => [name, lock.token])
      .sort(),
    live: [...model.live].map(([epoch, { node }]) => [node, epoch]).sort(),
  }
}

/** Promises about effects that hold whatever the commands are. */
class Promises {
  readonly #told = new Map<string, string>()
  /** The lock of every token so far. */
  readonly #granted = new Map<number, string>()

  check(effects: readonly Effect[], machine: LockMachine): void {
    for (const [kind, , session, request, given] of effects) {
      if (kind !== 'answered') continue
      const answer = given as Answer
      const key = `${session}/${request}`
      const words = wordsOf(answer)
      const before = Number(request) < 0 ? undefined : this.#told.get(key)
      if (before !== undefined) expect(words, 'a repeated request gets the answer that it got').toBe(before)
      this.#told.set(key, words)
    }
    this.#checkTokens(effects, machine)
  }

  /** A session that is away is told of its grant when it asks again: after others, who hold greater tokens by then. */
  #checkTokens(effects: readonly Effect[], machine: LockMachine): void {
    const held = [...machine.locks()].map(({ name, token }) => [token, name] as const)
    expect(new Set(held.map(([token]) => token)).size).toBe(held.length)
    const told = effects
      .map(([kind, , , , given]) => (kind === 'answered' ? (given as ShortGrant) : null))
      .flatMap((answer) => (answer?.kind === 'granted' ? [[answer.token, answer.name] as const] : []))
    const highestBefore = Math.max(0, ...this.#granted.keys())
    for (const [token, name] of [...held, ...told]) {
      if (!this.#granted.has(token)) expect(token, 'tokens grow').toBeGreaterThan(highestBefore)
      expect(this.#granted.get(token) ?? name, 'a token stands for one grant').toBe(name)
      this.#granted.set(token, name)
    }
  }
}

test('does what the plain model does, whatever comes late, twice or never', { timeout: 120_000 }, () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(choices(240), (list) => {
      const machine = new LockMachine(GENESIS, { checkEachEntry: true })
      const model = new Model()
      const workload = new Workload(machine)
      const promises = new Promises()
      const done: Command[] = []
      list.forEach((choice, i) => {
        const command = workload.next(choice)
        done.push(command)
        machine.applyCommand(i + 1, encodeCommand(command))
        machine.endEntry(i + 1)
        model.apply(i + 1, command)
        const effects = taken(machine)
        for (const [kind, , , , given] of effects) {
          const what =
            kind === 'answered'
              ? wordsOf(given as Answer)
                  .split(' ', 1)
                  .join()
              : kind
          seen.set(what, (seen.get(what) ?? 0) + 1)
        }
        expect(dumpMachine(machine), `after ${JSON.stringify(command)}`).toEqual(dumpModel(model))
        promises.check(effects, machine)
      })
    }),
    RUNS,
  )
  // A workload that never meets the interesting cases proves nothing.
  const wanted = ['granted', 'held', 'timeout', 'cancelled', 'released', 'deadlock', 'not-holder', 'queued', 'resumed']
  for (const what of [
    ...wanted,
    'resumeRefused',
    'resumeOutdated',
    'superseded',
    'ended',
    'detached',
    'delayed',
    'epochEnded',
  ]) {
    expect(seen.get(what) ?? 0, what).toBeGreaterThan(5)
  }
})
