import type { LooksFirst } from '../../src/raft/ports/looks-first.js'

/** For a test in which time passes only when it says so: its sources need not look at the clock before each event. */
export const asIs = <T>(source: T): LooksFirst<T> => source as LooksFirst<T>
