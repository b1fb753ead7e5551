/** 64 sessions that ask for 1,000 locks each at once, with 4 KiB of metadata: 256 MiB of state. Then all nodes are killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import { lockLine, openSession, residentMegabytes } from '../heavy-load.js'
import type { Outcome, Size, Trial } from '../trial.js'

const SESSIONS: Record<Size, number> = { short: 16, long: 64 }
const LOCKS = 1_000
/** State, log in memory, a snapshot and its restore side by side, V8's garbage: a multiple of what is held, and no more. */
const RESIDENT_MEGABYTES: Record<Size, number> = { short: 700, long: 1_500 }
const POLL_MS = 200

/** A node that could not renew for a while says so; on a machine that is busy with this, that may be. */
const UNASKED = /^(jeopardy|safe)/

interface Answers {
  granted: number
  busy: number
  unasked: number
  other: string[]
}

async function ask(node: TestNode, session: number, answers: Answers): Promise<() => void> {
  const wire = await openSession(node)
  let lines = ''
  for (let n = 1; n <= LOCKS; n++) lines += lockLine(n, `s${session}-${n}`)
  wire.send(lines)
  for (let answered = 0; answered < LOCKS; ) {
    const line = await wire.line()
    if (line !== null && UNASKED.test(line)) {
      answers.unasked++
      continue
    }
    answered++
    if (line?.startsWith('ok,') === true) answers.granted++
    else if (line?.includes('code:busy') === true) answers.busy++
    else answers.other.push(line ?? 'the session ended')
    if (line === null) break
  }
  return () => wire.destroy()
}

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  let peak = 0
  let isWatching = true
  const watching = (async () => {
    while (isWatching) {
      const sizes = await Promise.all(cluster.nodes.map((node) => residentMegabytes(node).catch(() => 0)))
      peak = Math.max(peak, ...sizes)
      await sleep(POLL_MS)
    }
  })()
  try {
    const answers: Answers = { granted: 0, busy: 0, unasked: 0, other: [] }
    const nodes = cluster.nodes
    const sessions = Array.from({ length: SESSIONS[size] }, (_, n) =>
      ask(nodes[n % nodes.length] ?? cluster.node(0), n, answers),
    )
    const closers = await Promise.all(sessions)
    const seen = [`${answers.granted} granted, ${answers.busy} told busy, ${answers.unasked} words of jeopardy`]
    const isAnswered = answers.other.length === 0 && answers.granted > 0
    if (!isAnswered) seen.push(`${answers.other.length} other answers, such as ${answers.other[0]}`)
    const ends = nodes.filter((node) => node.end !== null).map(({ id, end }) => `${id} ended with ${end?.code}`)
    seen.push(ends.length === 0 ? 'nobody ended' : ends.join(', '), `at most ${peak.toFixed(0)} MiB resident`)
    const peakBefore = peak
    for (const node of nodes) node.signal('SIGKILL')
    await Promise.all(nodes.map((node) => node.ended()))
    for (const close of closers) close()
    peak = 0
    const startMs = performance.now()
    for (const node of nodes) node.start()
    await cluster.untilAllServe()
    seen.push(
      `all killed, served again after ${((performance.now() - startMs) / 1000).toFixed(1)} s with ${peak.toFixed(0)} MiB`,
    )
    const isBounded = Math.max(peakBefore, peak) < RESIDENT_MEGABYTES[size]
    return { ok: isAnswered && ends.length === 0 && isBounded, seen: seen.join('; ') }
  } finally {
    isWatching = false
    await watching
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'large-locks',
  expected:
    '16 (long: 64) sessions x 1,000 pipelined locks with 4 KiB metadata: nobody ends, memory bounded, also after kill -9 of all',
  inShortForm: true,
  run,
}
