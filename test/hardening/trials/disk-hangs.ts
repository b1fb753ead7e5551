/** One disk hangs, then all of them: the rule Slow disks of rules.md, Consensus. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestCluster, type TestNode, until } from '../../kit/process-cluster.js'
import { Wire } from '../../kit/wire.js'
import { Preload } from '../../preload/preload.js'
import type { Outcome, Size, Trial } from '../trial.js'

const SERVED_WITHIN_MS = 3_000
const ALL_HANG_MS: Record<Size, number> = { short: 8_000, long: 75_000 }
/** max(60 s, 6 L) with the default L, and some seconds until something is seen. */
const ENDS_WITHIN_MS = 75_000
const POLL_MS = 20
const WATCHED_MS = 5_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function isGranted(node: TestNode): Promise<boolean> {
  const wire = await Wire.open(node.port)
  wire.send(`lock,name:of-${node.id}\nrelease\n`)
  const answer = await wire.line()
  wire.destroy()
  return answer === 'ok'
}

/** How long until this node grants a lock. */
async function untilGrantedMs(node: TestNode): Promise<number> {
  const startMs = performance.now()
  while (!(await isGranted(node))) await sleep(POLL_MS)
  return performance.now() - startMs
}

/** The longest time without a grant, while locks are asked for all the time. */
async function longestPauseMs(node: TestNode): Promise<number> {
  const endMs = performance.now() + WATCHED_MS
  let longestMs = 0
  while (performance.now() < endMs) longestMs = Math.max(longestMs, await untilGrantedMs(node))
  return longestMs
}

async function run(size: Size): Promise<Outcome> {
  const preload = Preload.build(mkdtempSync(join(tmpdir(), 'tnl-hang-')))
  if (typeof preload === 'string') return { ok: false, seen: `no disk can be made to hang here: ${preload}` }
  const cluster = await TestCluster.start([], ({ nodeId, dataDir }) => {
    mkdirSync(dataDir, { recursive: true })
    return { environment: { ...process.env, ...preload.environment(nodeId, dataDir) } }
  })
  const hang = (node: TestNode, on: boolean): void => preload.set(node.id, 'syncHang', on ? 1 : 0)
  const seen: string[] = []
  let ok = true
  const note = (isGood: boolean, text: string): void => {
    ok &&= isGood
    seen.push(text)
  }
  try {
    const leader = await cluster.leader()
    hang(leader, true)
    const followers = await cluster.followers().then((both) => both.filter((node) => node !== leader))
    const others = followers.length === 2 ? followers : cluster.nodes.filter((node) => node !== leader)
    const pauseMs = Math.max(...(await Promise.all(others.map(longestPauseMs))))
    note(pauseMs <= SERVED_WITHIN_MS, `the leader's disk hangs: others pause for ${seconds(pauseMs)} at most`)
    const heir = await cluster.leader()
    note(heir !== leader, `${heir === leader ? 'it leads on' : 'another leads'}`)

    if (size === 'long') {
      const startMs = performance.now()
      while (leader.end === null && performance.now() - startMs < ENDS_WITHIN_MS) {
        await isGranted(others[0] ?? leader)
        await sleep(POLL_MS)
      }
      const end = leader.end === null ? 'runs on' : `ends with ${leader.end.code ?? leader.end.signal}`
      note(leader.end?.code === 3, `it ${end} after ${seconds(performance.now() - startMs + WATCHED_MS)}`)
    }
    hang(leader, false)
    if (leader.end !== null) leader.start()
    await cluster.untilAllServe()

    const terms = await Promise.all(cluster.nodes.map(async (node) => (await node.status())?.term))
    for (const node of cluster.nodes) hang(node, true)
    const asked = cluster.nodes.map(isGranted)
    await sleep(ALL_HANG_MS[size])
    for (const node of cluster.nodes) hang(node, false)
    await Promise.all(asked)
    const afterMs = Math.max(...(await Promise.all(cluster.nodes.map(untilGrantedMs))))
    const ended = cluster.nodes.filter(({ end }) => end !== null).map(({ id }) => id)
    const termsAfter = await Promise.all(cluster.nodes.map(async (node) => (await node.status())?.term))
    note(ended.length === 0, `all hang for ${seconds(ALL_HANG_MS[size])}: ${ended.length} end`)
    note(terms.join() === termsAfter.join(), `term ${terms[0]}, then ${termsAfter[0]}`)
    note(afterMs <= SERVED_WITHIN_MS, `all serve ${seconds(afterMs)} after it`)
    await until(
      'all serve',
      async () => ended.length > 0 || (await Promise.all(cluster.nodes.map(isGranted))).every(Boolean),
    )
  } finally {
    for (const node of cluster.nodes) hang(node, false)
    await cluster.stop()
    preload.close()
  }
  return { ok, seen: seen.join(' · ') }
}

export const trial: Trial = {
  name: 'disk-hangs',
  expected:
    "the leader's disk hangs: others serve within 3 s; for ever: that node ends with 3 after a minute; all disks hang: nobody ends, no election, all goes on",
  inShortForm: true,
  run,
}
