/**
 * The Compose files, played with real processes: one a service, with its variables, flags, volumes and user, each on a loopback
 * address of its own (scripts/compose-trial.sh has containers).
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Mount, mayBecome, Pod } from '../kit/pods.js'
import { until } from '../kit/process-cluster.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 120_000
const USER = 1000
const NODES = ['n1', 'n2', 'n3'] as const
type Node = (typeof NODES)[number]

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly read_only?: boolean
}
type Composition = Readonly<Record<Node, Service>>

/** Of several files, as Compose merges them: variables by name, volumes and ports as one list, the rest by the last. */
function compose(...files: readonly string[]): Composition {
  const all = files.map((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8').replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
    return parse(text, { merge: true }).services as Composition
  })
  const merged = NODES.map((node) => {
    const services = all.map((each) => each[node])
    const environment = Object.assign({}, ...services.map((service) => service.environment ?? {}))
    const volumes = services.flatMap((service) => service.volumes ?? [])
    return [node, { ...Object.assign({}, ...services), environment, volumes }]
  })
  return Object.fromEntries(merged)
}

class PlayedComposition {
  readonly dir = mkdtempSync(join(tmpdir(), 'tnl-compose-'))
  readonly #net = `127.${177 + (process.pid % 50)}.${(process.pid >> 6) % 250}`
  readonly #processes: ChildProcess[] = []
  /** Of all nodes. */
  said = ''

  constructor(
    private readonly composition: Composition,
    /** Where a folder of the project is. */
    private readonly folders: Readonly<Record<string, string>> = {},
  ) {
    chmodSync(this.dir, 0o755)
  }

  address(node: Node): string {
    return `${this.#net}.${NODES.indexOf(node) + 1}`
  }

  pod(node: Node): Pod {
    const { environment = {}, command = [], volumes = [] } = this.composition[node]
    const mounts: Mount[] = []
    const claims: Record<string, string> = {}
    for (const [at, volume] of volumes.entries()) {
      const [source = '', mountPath = ''] = volume.split(':')
      mounts.push({ name: `volume-${at}`, mountPath })
      claims[`volume-${at}`] = this.folders[source] ?? join(this.dir, 'volumes', source)
    }
    const env = Object.entries(environment).map(([name, value]) => ({ name, value }))
    const names = NODES.flatMap((each) => [
      [new RegExp(`(?<![\\w.-])${each}:7655`, 'g'), `${this.address(each)}:7655`] as const,
      // Published: another port of the machine is this one of the container.
      [new RegExp(`localhost:${publishedPort(this.composition[each])}`, 'g'), `${this.address(each)}:7654`] as const,
    ])
    const container = { name: node, image: 'tcpnetlock', args: command, env, volumeMounts: mounts }
    const spec = { containers: [container], securityContext: { runAsUser: USER, fsGroup: USER } }
    const around = { dir: this.dir, namespace: '', names, files: {}, resources: [] }
    return new Pod(node, this.address(node), spec, around, claims)
  }

  start(): void {
    mkdirSync(join(this.dir, 'volumes'))
    for (const node of NODES) {
      const child = this.pod(node).start()
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk) => {
          this.said += String(chunk)
        })
      }
      this.#processes.push(child)
    }
  }

  remove(): void {
    for (const child of this.#processes) child.kill('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

function publishedPort({ ports = [] }: Service): string {
  const [outer = '', inner] = (ports[0] ?? '').split(':')
  if (ports.length !== 1 || inner !== '7654') throw new Error(`published: ${ports.join()}`)
  return outer
}

let played: PlayedComposition | null = null
afterEach(() => {
  played?.remove()
  played = null
})

describe('docker-compose.yml', () => {
  it('publishes no port of peers, and advertises what it publishes', () => {
    const composition = compose('docker-compose.yml')
    for (const node of NODES) {
      const { environment } = composition[node]
      expect(environment?.TNL_ADVERTISE).toBe(`localhost:${publishedPort(composition[node])}`)
      expect(environment?.TNL_NODE_ID).toBe(node)
    }
  })

  it.runIf(process.platform === 'linux')('forms a cluster', { timeout: TIMEOUT_MS }, async () => {
    const composition = new PlayedComposition(compose('docker-compose.yml'))
    played = composition
    composition.start()
    const pod = composition.pod('n2')
    await until('a lock is granted', async () => {
      const { status } = await pod.exec(['tnl-do', '--lock-name', 'x', '--', 'true'])
      return status === 0
    })
    const { stdout } = await pod.exec(['tnl', 'status'])
    for (const node of NODES) expect(stdout).toMatch(new RegExp(`^${node} `, 'm'))
  })
})

const openssl = spawnSync('openssl', ['version']).status === 0
if (!openssl) console.warn('SKIPPED: openssl is not here, so docker-compose.tls.yml is not tried')

describe.runIf(openssl && process.platform === 'linux')('docker-compose.tls.yml', { timeout: TIMEOUT_MS }, () => {
  const prepare = (dir: string): { status: number | null; stderr: string } =>
    spawnSync(join(ROOT, 'deploy/compose/prepare.sh'), [dir], { encoding: 'utf8' })

  it('has secrets that nobody else can read, made once', () => {
    const composition = new PlayedComposition(compose('docker-compose.yml'))
    played = composition
    const secrets = join(composition.dir, 'secrets')
    expect(prepare(secrets)).toMatchObject({ status: 0 })
    const before = readFileSync(join(secrets, 'ca.crt'), 'utf8')
    expect(prepare(secrets)).toMatchObject({ status: 0, stderr: expect.stringMatching(/is there already/) })
    expect(readFileSync(join(secrets, 'ca.crt'), 'utf8')).toBe(before)
    for (const file of readdirSync(secrets)) expect(statSync(join(secrets, file)).mode & 0o066, file).toBe(0)
    expect(readFileSync(join(secrets, 'operators.token'), 'utf8')).toMatch(/^tnl_[0-9a-f]{64}$/)
    if (mayBecome(USER, USER)) expect(statSync(join(secrets, 'n1/tls.key')).uid).toBe(USER)
  })

  it('forms a cluster that speaks to nobody without a token', async () => {
    const secrets = mkdtempSync(join(tmpdir(), 'tnl-secrets-'))
    try {
      rmSync(secrets, { recursive: true })
      expect(prepare(secrets)).toMatchObject({ status: 0 })
      // What Docker mounts it finds as root.
      chmodSync(secrets, 0o711)
      const folders = NODES.map((node) => [`./deploy/compose/secrets/${node}`, join(secrets, node)] as const)
      const files = compose('docker-compose.yml', 'docker-compose.tls.yml')
      const composition = new PlayedComposition(files, Object.fromEntries(folders))
      played = composition
      composition.start()
      const pod = composition.pod('n2')
      // The certificates are for the name by which they are published.
      const variables = { TNL_TLS_SERVER_NAME: 'localhost' }
      const lock = ['tnl-do', '--lock-name', 'x', '--', 'true']
      await until('a lock is granted', async () => (await pod.exec(lock, variables)).status === 0)
      const { status } = await pod.exec(lock, { ...variables, TNL_TOKEN_FILE: '' })
      expect(status).not.toBe(0)
      expect(composition.said).not.toMatch(/is no setting/)
      const { stdout } = await pod.exec(['tnl', 'status'], variables)
      for (const node of NODES) expect(stdout).toMatch(new RegExp(`^${node} `, 'm'))
    } finally {
      rmSync(secrets, { recursive: true, force: true })
    }
  })
})
