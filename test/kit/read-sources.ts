/** What the HTTP port reads: of a state that a test has made, on the clock of this machine. */
import { LockMachine } from '../../src/locks/machine.js'
import type { ReadOutcome } from '../../src/raft/node/reads/reads.js'
import type { ReadSources } from '../../src/server/http/read-routes.js'
import { SystemClock } from '../../src/server/system-clock.js'
import { ClientReads } from '../../src/service/reads/client-reads.js'

export interface ReadSituation {
  readonly machine?: LockMachine
  /** What a quorum says. */
  readonly outcome?: ReadOutcome
  readonly maySpeak?: boolean
}

export function readSources({
  machine = emptyMachine(),
  outcome = 'current',
  maySpeak = true,
}: ReadSituation = {}): ReadSources {
  const clock = new SystemClock()
  const node = {
    read: (done: (outcome: ReadOutcome) => void) => done(outcome),
    appliedIndex: () => 1,
    saveSnapshot: () => undefined,
  }
  return {
    reads: new ClientReads({ clock, node, reports: machine.reports }),
    wallNow: () => 10_000,
    maySpeak: () => maySpeak,
  }
}

function emptyMachine(): LockMachine {
  return new LockMachine({ clusterId: 'c', nodeLeaseMs: 10_000, createdUnixSeconds: 1, members: [] })
}
