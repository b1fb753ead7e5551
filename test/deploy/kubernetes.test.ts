/**
 * The manifests, played with real processes: one a pod, with its variables, files and user, each on a loopback address of its
 * own. Readiness goes as Kubernetes does it: a pod of a set that starts in order waits for the one before it.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { LineClient } from '../../src/cli/shared/line-client.js'
import { Authority } from '../kit/authority.js'
import {
  type Files,
  find,
  Pod,
  type PodSpec,
  type Probe,
  podTemplateOf,
  type Resource,
  readManifests,
} from '../kit/pods.js'
import { until } from '../kit/process-cluster.js'
import { inTime } from '../kit/wire.js'

const TIMEOUT_MS = 120_000
const CLIENT_PORT = 7654
let nets = 0

function specOf(resource: Resource): PodSpec {
  const template = podTemplateOf(resource)
  if (template === null) throw new Error(`${resource.kind} makes no pods`)
  return template.spec
}

/** As the kubelet asks: without looking at the certificate. 0: no answer. */
function statusOf(url: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const get = url.startsWith('https:') ? https.get : http.get
  return new Promise((resolve) => {
    const request = get(url, { rejectUnauthorized: false, headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    request.on('error', () => resolve(0))
  })
}

/** Tests that run side by side take other addresses. */
function nextNet(): string {
  nets += 1
  return `127.${77 + (process.pid % 100)}.${((process.pid >> 7) * 8 + nets) % 250}`
}

/** A release that runs. */
class Played {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tnl-pods-'))
  readonly #net = nextNet()
  readonly #processes = new Map<string, ChildProcess>()
  readonly #output = new Map<string, string>()
  constructor(
    private resources: readonly Resource[],
    private readonly namespace: string,
    private readonly secrets: Files = {},
  ) {
    chmodSync(this.#dir, 0o755)
  }

  /** Pods that start from now on are of these. */
  upgrade(resources: readonly Resource[]): void {
    this.resources = resources
  }

  loseVolume(index: number): void {
    rmSync(this.directory(`data-${this.name}-${index}`), { recursive: true })
  }

  get set(): Resource {
    return find(this.resources, 'StatefulSet')
  }

  get name(): string {
    return this.set.metadata.name
  }

  address(index: number): string {
    return `${this.#net}.${index + 1}`
  }

  pod(index: number): Pod {
    const name = `${this.name}-${index}`
    const claims = { data: this.directory(`data-${name}`) }
    return new Pod(name, this.address(index), specOf(this.set), this.#around, claims)
  }

  directory(name: string): string {
    const dir = join(this.#dir, 'claims', name)
    mkdirSync(dir, { recursive: true })
    return dir
  }

  /** A pod of another kind, which ends by itself. */
  job(resource: Resource, claims: Readonly<Record<string, string>> = {}): Pod {
    return new Pod(resource.metadata.name, this.address(200), specOf(resource), this.#around, claims)
  }

  get #around(): ConstructorParameters<typeof Pod>[3] {
    const { namespace, name, resources } = this
    const pods = Array.from({ length: 9 }, (_, index) => {
      const pattern = `${name}-${index}\\.(?:${name}-peers(?:\\.${namespace}\\.svc)?|locks\\.example\\.com)`
      return [new RegExp(pattern, 'g'), this.address(index)] as const
    })
    const names = [...pods, ...this.#services]
    return { dir: this.#dir, namespace, names, files: this.secrets, resources }
  }

  /** A Service leads to the first pod, and to the port that its own stands for. */
  get #services(): [RegExp, string][] {
    const targets = specOf(this.set).containers[0]?.ports ?? []
    const services = this.resources.filter(({ kind, spec }) => kind === 'Service' && spec.clusterIP !== 'None')
    return services.flatMap(({ metadata, spec }) =>
      (spec.ports ?? []).map(({ name, port }) => {
        const target = targets.find((each) => each.name === name)?.containerPort
        const pattern = `(?<![\\w.-])${metadata.name}(?:\\.${this.namespace}(?:\\.svc)?)?:${port}(?!\\d)`
        return [new RegExp(pattern, 'g'), `${this.address(0)}:${target}`] as [RegExp, string]
      }),
    )
  }

  start(index: number): ChildProcess {
    const pod = this.pod(index)
    const process = pod.start()
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (chunk) => this.#output.set(pod.name, (this.#output.get(pod.name) ?? '') + String(chunk)))
    }
    this.#processes.set(pod.name, process)
    return process
  }

  /** What the kubelet asks. */
  async probe(index: number, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe'): Promise<boolean> {
    const pod = this.pod(index)
    const container = pod.container()
    const get: Probe['httpGet'] = container[kind]?.httpGet
    const port = container.ports?.find(({ name }) => name === get?.port)?.containerPort
    const scheme = (get?.scheme ?? 'HTTP').toLowerCase()
    return (await statusOf(`${scheme}://${pod.address}:${port}${get?.path}`)) === 200
  }

  async startAll(count: number): Promise<void> {
    const isParallel = this.set.spec.podManagementPolicy === 'Parallel'
    for (let index = 0; index < count; index += 1) {
      this.start(index)
      if (!isParallel) await this.untilReady(index)
    }
    for (let index = 0; index < count; index += 1) await this.untilReady(index)
  }

  said(index: number): string {
    return this.#output.get(`${this.name}-${index}`) ?? ''
  }

  async untilReady(index: number): Promise<void> {
    const name = `${this.name}-${index}`
    try {
      await until(`${name} is ready`, () => this.probe(index, 'readinessProbe'))
    } catch (error) {
      throw new Error(this.said(index), { cause: error })
    }
  }

  open(index: number): Promise<LineClient> {
    return LineClient.open({ host: this.address(index), port: CLIENT_PORT })
  }

  /** As when the pod is deleted. */
  terminate(index: number): void {
    this.#processes.get(`${this.name}-${index}`)?.kill('SIGTERM')
  }

  async ended(index: number): Promise<number | null> {
    const process = this.#processes.get(`${this.name}-${index}`)
    if (process === undefined || process.exitCode !== null) return process?.exitCode ?? null
    return inTime('the pod ends', new Promise((resolve) => process.once('exit', (code) => resolve(code))))
  }

  remove(): void {
    for (const process of this.#processes.values()) process.kill('SIGKILL')
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

let played: Played | null = null
afterEach(() => {
  played?.remove()
  played = null
})

const newToken = (): string => `tnl_${randomBytes(32).toString('hex')}`

function accounts({ operators, metrics }: Readonly<Record<'operators' | 'metrics', string>>): string {
  const hash = (token: string): string => `sha256:${createHash('sha256').update(token).digest('hex')}`
  return stringify({
    identities: {
      operators: { tokens: [hash(operators)], may: { '': ['lock', 'see'] }, cluster: ['snapshot'] },
      metrics: { tokens: [hash(metrics)], may: { '': ['see'] } },
    },
  })
}

async function asked(client: LineClient, line: string): Promise<string | null> {
  client.send(line)
  return client.next()
}

describe.runIf(process.platform === 'linux')('played', { timeout: TIMEOUT_MS }, () => {
  it('deploy/kubernetes.yaml forms a cluster whose nodes all serve, and stops in good order', async () => {
    const release = new Played(readManifests('deploy/kubernetes.yaml'), 'default')
    played = release
    await release.startAll(3)
    const holder = await release.open(0)
    expect(await asked(holder, 'lock,name:x')).toBe('ok')
    const rival = await release.open(1)
    expect(await asked(rival, 'lock,name:x')).toBe('not-granted')
    for (const kind of ['startupProbe', 'livenessProbe'] as const) expect(await release.probe(2, kind)).toBe(true)
    holder.close()
    rival.close()
    // Redirects name the pod as all of Kubernetes can resolve it.
    expect(release.pod(2).environment(release.pod(2).container()).TNL_ADVERTISE).toBe(`${release.address(2)}:7654`)

    // Of three nodes one is left: it must not be restarted for it.
    for (const index of [1, 2]) {
      release.terminate(index)
      expect(await release.ended(index)).toBe(0)
    }
    await until('the last node is not ready', async () => !(await release.probe(0, 'readinessProbe')))
    expect(await release.probe(0, 'livenessProbe')).toBe(true)
  })

  it('a release with everything: secrets, settings, a test, and backups of which the newest are kept', async () => {
    const resources = readManifests('test/deploy/rendered/everything.yaml')
    const secrets = { 'locks-peers': { secret: randomBytes(32).toString('hex') } }
    const release = new Played(resources, 'prod', secrets)
    played = release
    await release.startAll(3)

    const test = release.job(find(resources, 'Pod'))
    expect(await test.run()).toMatchObject({ status: 0 })

    const backups = release.directory('backups')
    const old = Array.from({ length: 9 }, (_, day) => `tnl-2026010${day}T030000Z`)
    for (const name of [...old, 'notes']) writeFileSync(join(backups, name), '')
    const job = release.job(find(resources, 'CronJob'), { backups })
    expect(await job.run()).toMatchObject({ status: 0 })
    const kept = readdirSync(backups).sort()
    expect(kept).toEqual(['notes', ...old.slice(-6), expect.stringMatching(/^tnl-20(?!260101)\d{6}T\d{6}Z$/)])
  })

  it('a cluster that grows, and a pod whose volume was lost: they join when they were added', async () => {
    const release = new Played(readManifests('test/deploy/rendered/defaults.yaml'), 'prod')
    played = release
    await release.startAll(3)
    const members = async (...words: readonly string[]): Promise<void> =>
      expect(await release.pod(0).exec(['tnl', 'members', ...words])).toMatchObject({ status: 0 })
    const add = (index: number): Promise<void> =>
      members('add', `${release.name}-${index}`, `${release.address(index)}:7655`)

    await add(3)
    release.upgrade(readManifests('test/deploy/rendered/grown.yaml'))
    release.start(3)
    await release.untilReady(3)

    release.terminate(2)
    expect(await release.ended(2)).toBe(0)
    release.loseVolume(2)
    await members('remove', `${release.name}-2`)
    await add(2)
    release.start(2)
    await members('promote', `${release.name}-2`, '--wait', '30')
    await release.untilReady(2)
  })

  it('a release with TLS and accounts: nobody gets in by plain text or without a token', async () => {
    const resources = readManifests('test/deploy/rendered/secured.yaml')
    const tokens = { operators: newToken(), metrics: newToken() }
    const certificates: Record<string, string> = {}
    const release = new Played(resources, 'prod', {
      'locks-certificates': certificates,
      'locks-accounts': { 'auth.yaml': accounts(tokens) },
      'locks-backup-token': { token: tokens.operators },
    })
    played = release
    const authority = await Authority.create()
    const nodes = [0, 1, 2]
    const { cert, key } = await authority.issue({
      ips: nodes.map((index) => release.address(index)),
      uris: nodes.map((index) => `tnl://${release.name}/${release.name}-${index}`),
    })
    Object.assign(certificates, { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert })
    await release.startAll(3)

    // No variable that the pod has for other programs is taken for a mistyped setting.
    expect(release.said(0)).not.toMatch(/is no setting/)
    const plainly = async (): Promise<string | null> => asked(await release.open(0), '.ping')
    expect(await plainly().catch(() => null)).not.toBe('pong')
    const pod = release.pod(1)
    const lock = ['tnl-do', '--lock-name', 'x', '--', 'true']
    expect((await pod.exec(lock)).status).not.toBe(0)
    expect(await pod.exec(lock, { TNL_TOKEN: tokens.operators })).toMatchObject({ status: 0 })

    const metrics = `https://${release.address(2)}:7656/metrics`
    expect(await statusOf(metrics)).toBe(401)
    expect(await statusOf(metrics, tokens.metrics)).toBe(200)

    expect(await release.job(find(resources, 'Pod')).run()).toMatchObject({ status: 0 })
    const backup = `${release.name}-backup`
    const claims = { [backup]: release.directory('backups') }
    expect(await release.job(find(resources, 'CronJob'), claims).run()).toMatchObject({ status: 0 })
    expect(readdirSync(release.directory('backups'))).toHaveLength(1)
  })
})
