/** Events of sockets begin with a look at the clock, as all others do (rules.md rule 7; raft/ports/looks-first.ts). */
import type { Look } from '../../raft/ports/looks-first.js'

type Handler<A extends unknown[]> = (...values: A) => void

/** Makes of a handler what is to be given to a socket or a server: a test sees to it that nothing else is. */
export type Looking = <A extends unknown[]>(handle: Handler<A>) => Handler<A>

export function lookingBy(look: Look): Looking {
  return (handle) =>
    (...values) => {
      look()
      handle(...values)
    }
}
