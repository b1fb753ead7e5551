import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ExitCode } from '../../server/exit-codes.js'
import type { StatusReport } from '../../service/status.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { isBuilt, programFile, starterFile } from '../shared/program-file.js'
import { say } from '../shared/say.js'
import { formatTable } from '../shared/table.js'
import { ClusterNode, type NodeEnd } from './cluster-node.js'
import { planCluster } from './cluster-plan.js'

const READY_TIMEOUT_MS = 60_000
const POLL_INTERVAL_MS = 100
/** Roles are looked at this often, to report changes. */
const WATCH_INTERVAL_MS = 500
const RESTART_DELAY_MS = 1_000
/** All nodes have ended by then, or are killed: together below the 3 s that are promised. */
const STOP_TIMEOUT_MS = 2_500
const ASK_TIMEOUT_MS = 1_000
const LOG_LINES_SHOWN = 5

export interface ClusterOptions {
  readonly nodes: number
  /** Undefined: a temporary one, removed at the end. */
  readonly dataDir: string | undefined
  /** Client port of the first node; it must be free, as all that follow from it. Undefined: the first free block. */
  readonly basePort: number | undefined
  /** Words given to every node. */
  readonly extraWords: readonly string[]
  /** What happens as lines of JSON. */
  readonly json: boolean
}

/** A whole cluster on this machine, in the foreground, until a signal ends it. */
export async function runCluster(options: ClusterOptions): Promise<void> {
  const temporary = options.dataDir === undefined
  const dir = temporary ? mkdtempSync(join(tmpdir(), 'tnl-cluster-')) : resolve(options.dataDir)
  const { json } = options
  const cluster = new LocalCluster(json)
  const signalled = new Promise<'signalled'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done('signalled'))
  })
  try {
    await cluster.start(await planCluster({ ...options, dir }))
    const outcome = await Promise.race([cluster.untilReady(), signalled])
    if (outcome === 'signalled') return
    const data = temporary ? 'temporary data, removed at the end' : dir
    const nodes = outcome.states.map(nodeJson)
    say(json, describeCluster(outcome.states, outcome.seconds, data), { event: 'ready', data: dir, nodes })
    void cluster.reportRoles(outcome.states)
    if ((await Promise.race([signalled, cluster.deserted])) === 'deserted') {
      throw new CommandFailure(TnlExit.failed, 'no node is left')
    }
    say(json, 'stopping', { event: 'stopping' })
  } finally {
    await cluster.stop()
    if (temporary) rmSync(dir, { recursive: true, force: true })
  }
}

interface NodeState {
  readonly node: ClusterNode
  readonly report: StatusReport
}

class LocalCluster {
  #desert: () => void = () => {}
  /** Every node has ended, and none is started again. */
  readonly deserted = new Promise<'deserted'>((resolve) => {
    this.#desert = () => resolve('deserted')
  })
  #nodes: readonly ClusterNode[] = []
  #stopping = false
  #wasReady = false
  /** A node that ended in a way that starting it again does not heal. */
  #failed: ClusterNode | null = null
  readonly #restarts = new Set<NodeJS.Timeout>()

  constructor(private readonly asJson: boolean) {}

  async start(plans: readonly ConstructorParameters<typeof ClusterNode>[0][]): Promise<void> {
    const environment = withoutClients(process.env)
    this.#nodes = plans.map((plan) => new ClusterNode(plan, undefined, { environment }))
    for (const node of this.#nodes) node.start((end) => this.#ended(node, end))
  }

  /** Every node is ready to serve. Throws with the last words of one that is not. */
  async untilReady(): Promise<{ readonly states: readonly NodeState[]; readonly seconds: number }> {
    const startedMs = performance.now()
    while (performance.now() - startedMs < READY_TIMEOUT_MS && !this.#stopping) {
      const states = await Promise.all(this.#nodes.map(askReady))
      const ready = states.filter((state) => state !== null)
      if (ready.length === this.#nodes.length) {
        this.#wasReady = true
        return { states: ready, seconds: (performance.now() - startedMs) / 1000 }
      }
      const failed = this.#failed
      if (failed !== null)
        throw new CommandFailure(TnlExit.failed, `${failed.plan.nodeId} did not start:\n${lastWords(failed)}`)
      await sleep(POLL_INTERVAL_MS)
    }
    const words = this.#nodes.map((node) => `${node.plan.nodeId}:\n${lastWords(node)}`).join('\n')
    throw new CommandFailure(TnlExit.failed, `the cluster was not ready after ${READY_TIMEOUT_MS / 1000} s\n${words}`)
  }

  /** Prints who leads whenever that changes, until the cluster is stopped. */
  async reportRoles(initial: readonly NodeState[]): Promise<void> {
    let leader = initial.find(({ report }) => report.role === 'leader')?.report.node
    while (!this.#stopping) {
      await sleep(WATCH_INTERVAL_MS)
      const reports = await Promise.all(this.#nodes.map(askStatus))
      const now = newestLeader(reports.filter((report) => report !== null))
      if (now === undefined || now === leader || this.#stopping) continue
      leader = now
      const pid = this.#nodes.find(({ plan }) => plan.nodeId === now)?.pid ?? null
      say(this.asJson, `${now} (pid ${pid ?? '-'}) leads now`, { event: 'leads', node: now, pid })
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const restart of this.#restarts) clearTimeout(restart)
    for (const node of this.#nodes) node.kill('SIGTERM')
    const deadlineMs = performance.now() + STOP_TIMEOUT_MS
    while (this.#nodes.some((node) => node.pid !== null)) {
      if (performance.now() > deadlineMs) for (const node of this.#nodes) node.kill('SIGKILL')
      await sleep(POLL_INTERVAL_MS / 4)
    }
  }

  #ended(node: ClusterNode, end: NodeEnd): void {
    if (this.#stopping) return
    const { nodeId } = node.plan
    const how = howItEnded(end)
    // A damaged directory does not heal by starting again, nor does a wrong setting; a port that was taken later may.
    const isHopeless = end.code === ExitCode.damaged || (end.code === ExitCode.usage && !this.#wasReady)
    if (isHopeless) this.#failed = node
    // It was told to end, or removed from the cluster.
    if (isHopeless || end.code === ExitCode.ok) {
      const words = `${nodeId} ${how}, and is not started again:\n${lastWords(node)}`
      say(this.asJson, words, { event: 'ended', node: nodeId, ...end, restarts: false })
      if (this.#nodes.every(({ pid }) => pid === null) && this.#restarts.size === 0) this.#desert()
      return
    }
    const words = `${nodeId} ${how}; it is started again in ${RESTART_DELAY_MS / 1000} s`
    say(this.asJson, words, { event: 'ended', node: nodeId, ...end, restarts: true })
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      node.start((next) => this.#ended(node, next))
      if (node.pid === null) return
      say(this.asJson, `${nodeId} runs again: pid ${node.pid}`, { event: 'runs', node: nodeId, pid: node.pid })
    }, RESTART_DELAY_MS)
    this.#restarts.add(restart)
  }
}

function howItEnded({ code, signal, reason }: NodeEnd): string {
  if (reason !== undefined) return `could not be started (${reason})`
  return signal === null ? `ended with exit status ${code}` : `ended by ${signal}`
}

/** Two nodes may say that they lead: the one with the higher term does. */
function newestLeader(reports: readonly StatusReport[]): string | undefined {
  const leaders = reports.filter((report) => report.role === 'leader')
  return leaders.sort((a, b) => b.term - a.term)[0]?.node
}

async function askReady(node: ClusterNode): Promise<NodeState | null> {
  const ready = await ask(node, '/readyz')
  const report = ready === null ? null : await askStatus(node)
  return report === null ? null : { node, report }
}

async function askStatus(node: ClusterNode): Promise<StatusReport | null> {
  const body = await ask(node, '/v1/status')
  return body === null ? null : JSON.parse(body)
}

/** The body of a successful answer, or null. */
async function ask(node: ClusterNode, path: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS)
    const response = await fetch(`http://127.0.0.1:${node.plan.httpPort}${path}`, { signal })
    const body = await response.text()
    return response.ok ? body : null
  } catch {
    return null
  }
}

function lastWords(node: ClusterNode): string {
  try {
    const lines = readFileSync(node.plan.logFile, 'utf8').trimEnd().split('\n')
    return lines.slice(-LOG_LINES_SHOWN).map(messageOf).join('\n')
  } catch {
    return `  (nothing in ${node.plan.logFile})`
  }
}

/** The words of one log line; what is not JSON (a crash) is shown as it is. */
function messageOf(line: string): string {
  try {
    const { msg }: { msg?: unknown } = JSON.parse(line)
    return `  ${String(msg)}`
  } catch {
    return `  ${line}`
  }
}

function nodeJson({ node, report }: NodeState): object {
  const { nodeId, clientPort, httpPort } = node.plan
  return {
    node: nodeId,
    pid: node.pid,
    role: report.role,
    endpoint: `localhost:${clientPort}`,
    http: `http://127.0.0.1:${httpPort}`,
  }
}

function describeCluster(states: readonly NodeState[], seconds: number, data: string): string {
  const rows = states.map(({ node, report }) => {
    const { nodeId, clientPort, httpPort } = node.plan
    return [nodeId, String(node.pid), report.role, `localhost:${clientPort}`, `http://127.0.0.1:${httpPort}/`]
  })
  const [first, second = first] = states.map(({ node }) => node.plan.clientPort)
  const endpoints = states.map(({ node }) => `localhost:${node.plan.clientPort}`).join(',')
  return [
    `A TcpNetLock cluster of ${states.length} is up after ${seconds.toFixed(1)} s (${data})`,
    '',
    formatTable([['NODE', 'PID', 'ROLE', 'CLIENTS', 'DASHBOARD'], ...rows], { indent: '  ' }),
    '',
    'Try it: type  lock,name:demo  and the lock is yours while the connection is open',
    '',
    `  telnet localhost ${first}`,
    `  (echo lock,name:demo; cat) | nc localhost ${second}`,
    `  ${callOfTnlDo()} --endpoints ${endpoints} --lock-name demo -- sleep 20`,
    '',
    `Then kill -9 one of them: it is started again, the lock stays. Ctrl-C ends all.`,
  ].join('\n')
}

/** How to call tnl-do from where the user is: by its name when installed, else by its file. */
function callOfTnlDo(): string {
  if (basename(process.argv[1] ?? '') === 'tnl') return 'tnl-do'
  const file = isBuilt ? starterFile : programFile('tnl-do')
  const nearby = relative(process.cwd(), file)
  const path = nearby.startsWith('..') ? file : nearby
  return isBuilt ? path : `node ${path}`
}

/** What says how clients speak to some other cluster is not meant for these nodes, which have settings of the same names. */
function withoutClients(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TNL_TLS: _tls, TNL_TLS_CERT: _cert, TNL_TLS_KEY: _key, ...rest } = env
  return rest
}
