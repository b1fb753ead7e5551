/** Bugs of our own making in the library: what it reads, how long it waits, who keeps its sessions alive. */
import type { KillerName, Mutant } from '../mutant.js'

const SENT = 'src/client/session/sent-requests.ts'
const WATCH = 'src/client/reads/watch.ts'

const own = (id: string, title: string, test: string, file: string, find: string, replace: string): Mutant => {
  const killers: readonly KillerName[] = ['tests']
  return { id, title, rule: 'own', edits: [{ file, find, replace }], killers, tests: [test] }
}

const SENT_TESTS = 'test/client/session/sent-requests.test.ts'
const WATCH_TESTS = 'test/client/reads/watch.test.ts'
const HEARTBEAT_TESTS = 'test/e2e/library-heartbeat.test.ts'

export const LIBRARY: readonly Mutant[] = [
  own(
    'L730',
    'a watch holds up every acknowledgement behind it',
    SENT_TESTS,
    SENT,
    'if (answers > 0) return countedBefore',
    'if (answers >= 0) return countedBefore',
  ),
  own(
    'L731',
    'a client acknowledges by the id of a read, which another node has never heard of',
    SENT_TESTS,
    SENT,
    'if (answers > 0) this.#lastCounted = request.id',
    'this.#lastCounted = request.id',
  ),
  own(
    'L732',
    'a watch keeps every event for a reader that stands still',
    WATCH_TESTS,
    WATCH,
    'this.#isPaused = true\n    this.#stop?.()',
    'if (this.#isFinished) this.#stop?.()',
  ),
  own(
    'L733',
    'a watch goes on from a gap that was not told to its end',
    WATCH_TESTS,
    WATCH,
    '      this.#since = BEFORE_ALL\n      this.#gapAt = at\n',
    '      this.#since = at\n      this.#gapAt = at\n',
  ),
  own(
    'L734',
    'what people write into metadata breaks the connection of whoever looks at it',
    'test/protocol/line.test.ts',
    'src/protocol/line.ts',
    "text.startsWith('info,') ? text.indexOf(',{') : -1",
    "text.startsWith('{') ? text.indexOf(',{') : -1",
  ),
  own(
    'L735',
    'the thread of the connections speaks for a program that hangs, for ever',
    HEARTBEAT_TESTS,
    'src/client/heartbeat/thread-worker.ts',
    'if (silentMs() >= leaseMs) {',
    'if (silentMs() < 0 && leaseMs > 0) {',
  ),
  own(
    'L736',
    'after a block the program judges its locks by what it knew before',
    HEARTBEAT_TESTS,
    'src/client/session/local-lease.ts',
    '    this.pulse?.catchUp()\n',
    '',
  ),
  own(
    'L737',
    'an outage that takes the session ends a wait that has time left',
    'test/client/client.test.ts',
    'src/client/acquiring.ts',
    '!(error instanceof SessionExpiredError)',
    '!(error instanceof RangeError)',
  ),
]
