/**
 * A whole `tnl-server` inside this process, a cluster of one: its ports, its TLS, its auth file, its audit, its logs and its
 * disk are real. What it does to whom is seen only from outside.
 */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SecureContext } from 'node:tls'
import { parseServerConfig } from '../../../src/server/config/config.js'
import type { LogSink } from '../../../src/server/logging/log-output.js'
import { createLogger } from '../../../src/server/logging/logger.js'
import { type RunningServer, startServer } from '../../../src/server/main.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Authority } from '../../kit/authority.js'
import { cameTrue } from '../own-time.js'
import { AUTH_FILE, changedFile, oddCertificates } from './accounts.js'
import { contextFor, Dialled, type Way } from './dialled.js'

export interface NodeKind {
  readonly isTls: boolean
  readonly hasAccounts: boolean
}

export type Door = 'client' | 'http' | 'peer'

/** Whose word about its clients the node believes: on Linux all of 127.0.0.0/8 is this machine. */
const RELAY_ADDRESS = process.platform === 'linux' ? '127.0.0.2' : null
/** Far above any stall of a busy machine: a node that was suspended closes its clients, and does right. */
const LEASE_S = 60
const START_MAX_MS = 30_000
const LOG_KEPT_LINES = 20_000

export class FuzzedNode {
  /** Lines of its log since they were taken last. */
  #log: string[] = []
  #isEnded = false

  private constructor(
    readonly kind: NodeKind,
    private readonly dir: string,
    private readonly server: RunningServer,
    readonly ports: Readonly<Record<Door, number>>,
    readonly clusterId: string,
    /** Who shows no certificate is first. */
    private readonly contexts: readonly SecureContext[],
    log: string[],
  ) {
    this.#log = log
    void server.ended.then(() => {
      this.#isEnded = true
    })
  }

  static async start(kind: NodeKind): Promise<FuzzedNode> {
    const dir = mkdtempSync(join(tmpdir(), 'tnl-fuzz-node-'))
    const peerPort = await freePort()
    const { words, contexts } = await filesOf(kind, dir)
    const parsed = parseServerConfig(
      [
        ...['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--peer-listen', `127.0.0.1:${peerPort}`],
        ...['--data-dir', join(dir, 'data'), '--lease', String(LEASE_S), '--request-timeout', '2'],
        ...(RELAY_ADDRESS === null ? [] : ['--proxy-from', RELAY_ADDRESS]),
        ...words,
      ],
      {},
    )
    if (parsed.kind !== 'run') throw new Error('no settings')
    const lines: string[] = []
    const { logger } = createLogger('info', 'n1', { ...into(lines), isTerminal: false })
    const server = await startServer(parsed.config, logger)
    const facts = await begun(lines, server)
    const ports = { client: facts.client, http: facts.http, peer: peerPort }
    return new FuzzedNode(kind, dir, server, ports, facts.clusterId, contexts, lines)
  }

  get #auditFile(): string {
    return join(this.dir, 'audit.jsonl')
  }

  get relayAddress(): string | null {
    return RELAY_ADDRESS
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Null: the connection came to nothing, as that of one with the wrong certificate does. */
  async dial(door: Door, random: SeededRandom | null): Promise<Dialled | null> {
    const { isTls } = this.kind
    const way: Way = {
      port: this.ports[door],
      context: !isTls ? null : ((random?.chance(0.5) ? random.pick(this.contexts) : this.contexts[0]) ?? null),
      relay:
        door === 'client' && RELAY_ADDRESS !== null && random?.chance(0.2)
          ? { address: RELAY_ADDRESS, isOld: random.chance(0.5) }
          : null,
    }
    return Dialled.open(way)
  }

  takeLog(): string {
    const lines = this.#log.splice(0)
    return lines.join('\n')
  }

  /** Lines of its audit that are new; none without one. */
  takeAudit(): readonly string[] {
    if (!this.kind.hasAccounts) return []
    const lines = readFileSync(this.#auditFile, 'utf8').split('\n')
    // Small again, and written on: it is opened to append.
    truncateSync(this.#auditFile)
    return lines
  }

  /** Other rights, or a file that cannot be used; or, with `random` null, the first one. */
  changeRights(random: SeededRandom | null): void {
    writeFileSync(join(this.dir, 'auth.yml'), random === null ? AUTH_FILE : changedFile(random))
    this.server.reload()
  }

  reload(): void {
    this.server.reload()
  }

  async close(): Promise<number> {
    this.server.stop('the fuzzer ends')
    const status = await this.server.ended
    rmSync(this.dir, { recursive: true, force: true })
    return status
  }
}

async function filesOf({ isTls, hasAccounts }: NodeKind, dir: string) {
  const words: string[] = []
  const put = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text)
    return join(dir, name)
  }
  if (hasAccounts) {
    words.push('--auth-file', put('auth.yml', AUTH_FILE), '--audit-file', join(dir, 'audit.jsonl'), '--audit-grants')
  }
  if (!isTls) return { words, contexts: [] }
  const [ours, others] = [await Authority.create('ours'), await Authority.create('others')]
  const own = await ours.issue({ commonName: 'n1', dns: ['n1', 'localhost'], ips: ['127.0.0.1'] })
  const files = [put('own.pem', own.cert), put('own.key', own.key), put('ca.pem', ours.cert)] as const
  for (const port of ['', 'peer-']) {
    words.push(`--${port}tls-cert`, files[0], `--${port}tls-key`, files[1])
    words.push(port === '' ? '--tls-client-ca' : '--peer-tls-ca', files[2])
  }
  const shown = await oddCertificates(ours, others)
  return { words, contexts: [null, ...shown].map((one) => contextFor(ours.cert, one)) }
}

/** A log that keeps what nobody has looked at yet. */
function into(lines: string[]): { sink: LogSink; nowMs(): number } {
  const keep = (text: string): void => {
    lines.push(...text.split('\n').filter((line) => line !== ''))
    if (lines.length > LOG_KEPT_LINES) lines.splice(0, lines.length - LOG_KEPT_LINES)
  }
  const sink: LogSink = {
    write: (text, done) => {
      keep(text)
      setImmediate(done, null)
    },
    writeNow: keep,
  }
  return { sink, nowMs: () => performance.now() }
}

/** What its log says of where it can be reached, once it leads. */
async function begun(lines: readonly string[], server: RunningServer) {
  const find = (message: string) =>
    lines.map((line) => JSON.parse(line)).find(({ msg }: { msg: string }) => msg === message)
  const found = () => ['listening', 'member of the cluster', 'feature level of the cluster'].map(find)
  let isEnded = false
  void server.ended.then(() => {
    isEnded = true
  })
  await cameTrue(() => isEnded || !found().includes(undefined), START_MAX_MS)
  const [listening, member, level] = found()
  if (isEnded || level === undefined) throw new Error(`the node does not start: ${lines.join('\n')}`)
  return { client: Number(/\d+$/.exec(listening.listen)?.[0]), http: listening.http, clusterId: member.cluster }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
