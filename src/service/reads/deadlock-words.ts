/** A circle of requests in words, for somebody who may not see all of the locks in it. */
import type { Deadlock } from '../../locks/effects.js'
import type { Sees } from '../../locks/views/hold-report.js'

export type { Sees } from '../../locks/views/hold-report.js'

/**
 * `A waits for x of B waits for y of A`. Of a lock that may not be seen neither the name is told nor who has it or waits for it:
 * `A waits for x of B waits for another lock of A`, and somebody between two such locks is `somebody`.
 */
export function deadlockWords({ steps, isCut }: Deadlock, sees: Sees): string {
  const [first] = steps
  if (first === undefined) return 'waiting would close a cycle'
  const words = steps.map(({ who, name }, at) => {
    const before = steps[at - 1]
    // The first one is told: it is the asker itself.
    const isKnown = before === undefined || sees(name) || sees(before.name)
    return `${isKnown ? who : 'somebody'} waits for ${sees(name) ? name : 'another lock'} of`
  })
  return [...words, isCut ? '...' : first.who].join(' ')
}

/** What a cluster of level 1 has stored is text already: `waiting would close the cycle x -> y -> x`. */
export function formerDeadlockWords(message: string, sees: Sees): string {
  const [, begin = '', names = ''] = FORMER.exec(message) ?? []
  if (names === '') return message
  const shown = names.split(ARROW).map((name) => (name === '...' || sees(name) ? name : 'another lock'))
  return `${begin}${shown.join(ARROW)}`
}

const ARROW = ' -> '
const FORMER = /^(waiting would close the cycle )(.+)$/
