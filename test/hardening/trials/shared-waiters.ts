/** 10,000 who wait to share one lock are let in at once: the grants are spread over entries, so that nobody else waits for them. */
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import type { Wire } from '../../kit/wire.js'
import { openSession } from '../heavy-load.js'
import type { Outcome, Size, Trial } from '../trial.js'

/** As many as a lock has places for. */
const WAITERS: Record<Size, number> = { short: 2_000, long: 10_000 }
/** A session may have 1,024 that are not acknowledged. */
const WAITERS_PER_SESSION = 1_000
/** The best is judged: in any single one the machine may have had other work. */
const ROUNDS: Record<Size, number> = { short: 2, long: 5 }
const TURN_MS_MAX = 50
/** A busy machine stops a process for longer than that. */
const JUDGES_TURNS: Record<Size, boolean> = { short: false, long: true }
const NAME = 'crowded'

/** The longest time since this was asked last that an event of the node's loop was late by; what a turn takes, all behind it are late by. */
async function longestTurnMs({ plan }: TestNode): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${plan.httpPort}/metrics`)).text()
  return 1_000 * Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1] ?? Number.NaN)
}

async function collect(wire: Wire, word: string, count: number): Promise<void> {
  for (let seen = 0; seen < count; ) {
    const line = await wire.line()
    if (line === null) throw new Error('a session ended')
    if (line.startsWith(`${word},`)) seen += 1
    else if (line.startsWith('err') || line.startsWith('not-granted')) throw new Error(line)
  }
}

/** Every waiter asks, and is queued behind the holder; then that one releases. Returns the longest turn of any node. */
async function round(
  nodes: readonly TestNode[],
  holder: Wire,
  crowd: readonly Wire[],
  number: number,
): Promise<number> {
  const first = 1 + number * 2 * WAITERS_PER_SESSION
  holder.send(`lock,id:${1 + 2 * number},name:${NAME}\n`)
  await collect(holder, 'ok', 1)
  const ids = Array.from({ length: WAITERS_PER_SESSION }, (_, index) => first + index)
  const ask = ids.map((id) => `lock,id:${id},name:${NAME},mode:shared,wait:forever,holding:none\n`).join('')
  const queued = crowd.map((wire) => collect(wire, 'queued', WAITERS_PER_SESSION))
  for (const wire of crowd) wire.send(ask)
  await Promise.all(queued)
  for (const node of nodes) await longestTurnMs(node)
  const tokens = crowd.map((wire) => grantedTokens(wire))
  holder.send(`release,id:${2 + 2 * number},name:${NAME}\n`)
  const granted = await Promise.all(tokens)
  const longest = Math.max(...(await Promise.all(nodes.map(longestTurnMs))))
  const released = crowd.map((wire) => collect(wire, 'released', WAITERS_PER_SESSION))
  for (const [index, wire] of crowd.entries()) {
    const releases = (granted[index] ?? []).map((token, at) => {
      return `release,id:${first + WAITERS_PER_SESSION + at},name:${NAME},token:${token},ack:${first + at}\n`
    })
    wire.send(releases.join(''))
  }
  await Promise.all(released)
  for (const wire of crowd) wire.send(`.keepalive,ack:${first + 2 * WAITERS_PER_SESSION - 1}\n`)
  return longest
}

async function grantedTokens(wire: Wire): Promise<number[]> {
  const tokens: number[] = []
  while (tokens.length < WAITERS_PER_SESSION) {
    const line = await wire.line()
    if (line === null) throw new Error('a session ended')
    const token = /^ok,.*token:(\d+)/.exec(line)?.[1]
    if (token !== undefined) tokens.push(Number(token))
  }
  return tokens
}

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const { nodes } = cluster
    const at = (index: number): TestNode => nodes[index % nodes.length] ?? cluster.node(0)
    const holder = await openSession(at(0))
    const crowd: Wire[] = []
    for (let n = 0; n < WAITERS[size] / WAITERS_PER_SESSION; n += 1) crowd.push(await openSession(at(n)))
    const turns: number[] = []
    for (let number = 0; number < ROUNDS[size]; number += 1) turns.push(await round(nodes, holder, crowd, number))
    for (const wire of [holder, ...crowd]) wire.destroy()
    const best = Math.min(...turns)
    const ok = !JUDGES_TURNS[size] || best <= TURN_MS_MAX
    return { ok, seen: `longest turns of ${turns.length} rounds: ${turns.map((ms) => ms.toFixed(0)).join(', ')} ms` }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'shared-waiters',
  expected: `2,000 (long: 10,000) shared waiters let in at once are all granted, in the best round with no turn over ${TURN_MS_MAX} ms on any node`,
  inShortForm: true,
  run,
}
