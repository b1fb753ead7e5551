/**
 * What a container sees of Kubernetes, for processes of this machine: its command and variables as the kubelet makes them, its
 * volumes as directories, its user, and a loopback address of its own in the place of each name that DNS would know. Nothing is
 * mounted: where a setting, an argument or a file says `/data`, it says that directory.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { imageVariables } from './image.js'
import { builtProgram } from './process-cluster.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } }
}

export interface Mount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number; readonly scheme?: string }
  readonly exec?: { readonly command: readonly string[] }
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly Variable[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly volumeMounts?: readonly Mount[]
  readonly securityContext?: Record<string, unknown>
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
}

export interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: {
    readonly secretName: string
    readonly defaultMode?: number
    readonly items?: readonly { readonly key: string; readonly path: string }[]
  }
  readonly emptyDir?: object
  readonly persistentVolumeClaim?: { readonly claimName: string }
}

export interface PodSpec {
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[]
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsGroup?: number; readonly fsGroup?: number }
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations?: Labels }
  readonly spec: PodSpec
}

export type Labels = Readonly<Record<string, string>>

interface Selector {
  readonly matchLabels: Labels
}

/** What tests look at, of every kind there is. */
export interface ResourceSpec extends PodSpec {
  // StatefulSet, Deployment, PodDisruptionBudget
  readonly replicas?: number
  readonly serviceName?: string
  readonly podManagementPolicy?: string
  readonly template?: PodTemplate
  readonly volumeClaimTemplates?: readonly object[]
  /** Labels themselves in a Service, and in all others `matchLabels`. */
  readonly selector?: Labels | Selector
  // CronJob
  readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } }
  // Service
  readonly clusterIP?: string
  readonly ports?: readonly { readonly name: string; readonly port: number }[]
  // NetworkPolicy
  readonly podSelector?: Selector
  readonly policyTypes?: readonly string[]
  readonly ingress?: readonly {
    readonly ports: readonly { readonly port: number }[]
    readonly from?: readonly object[]
  }[]
  // Certificate
  readonly secretName?: string
  readonly uris?: readonly string[]
  readonly dnsNames?: readonly string[]
  // PrometheusRule, ServiceMonitor
  readonly groups?: readonly object[]
  readonly jobLabel?: string
  readonly endpoints?: readonly { readonly port: string }[]
}

export const labelsOf = (selector: Labels | Selector | undefined): Labels =>
  selector === undefined ? {} : isSelector(selector) ? selector.matchLabels : selector

const isSelector = (selector: Labels | Selector): selector is Selector => typeof selector.matchLabels === 'object'

/** The pods that a manifest makes; null: it makes none. */
export function podTemplateOf({ kind, metadata, spec }: Resource): PodTemplate | null {
  if (kind === 'Pod') return { metadata: { labels: metadata.labels ?? {} }, spec }
  return spec?.template ?? spec?.jobTemplate?.spec.template ?? null
}

/** A manifest. */
export interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Labels
    readonly annotations?: Labels
  }
  readonly spec: ResourceSpec
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
}

export function parseManifests(text: string): readonly Resource[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    const resource: Resource | null = document.toJS()
    return resource === null ? [] : [resource]
  })
}

export const readManifests = (path: string): readonly Resource[] =>
  parseManifests(readFileSync(join(ROOT, path), 'utf8'))

export function find(resources: readonly Resource[], kind: string, name?: string): Resource {
  const found = resources.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name))
  const [only] = found
  if (only === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`)
  return only
}

/** Files of ConfigMaps and Secrets, by the name of the resource and the key. */
export type Files = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface Surroundings {
  /** Everything of the pods lies below it. */
  readonly dir: string
  readonly namespace: string
  /** What DNS would know: patterns of names, and their addresses. */
  readonly names: readonly (readonly [RegExp, string])[]
  /** Beside those that `resources` have: secrets that somebody has made. */
  readonly files: Files
  readonly resources: readonly Resource[]
  /** Working directories of images that are not ours. */
  readonly images?: Readonly<Record<string, string>>
}

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => {
    stdout += String(chunk)
  })
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk)
  })
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stdout, stderr }
}

/** One pod, laid out; its containers are started one by one. */
export class Pod {
  readonly #home: string
  readonly #claims = new Map<string, string>()
  readonly #programs: string

  /** Directories of claims that pods share, or that outlive one, are made beforehand: `claims`, by the name of the claim. */
  constructor(
    readonly name: string,
    readonly address: string,
    private readonly spec: PodSpec,
    private readonly around: Surroundings,
    claims: Readonly<Record<string, string>> = {},
  ) {
    this.#home = join(around.dir, 'pods', name)
    this.#programs = layOutPrograms(join(around.dir, 'image'))
    for (const [claim, dir] of Object.entries(claims)) this.#claims.set(claim, dir)
    for (const volume of spec.volumes ?? []) this.#layOut(volume)
  }

  container(name?: string): Container {
    const all = [...this.spec.containers, ...(this.spec.initContainers ?? [])]
    const found = name === undefined ? all[0] : all.find((each) => each.name === name)
    if (found === undefined) throw new Error(`pod ${this.name} has no container ${name}`)
    return found
  }

  /** The container's process; its output is piped. */
  start(name?: string): ChildProcess {
    const container = this.container(name)
    const [file = '', ...words] = [...(container.command ?? ['tnl-server']), ...(container.args ?? [])].map((word) =>
      this.#here(word, container),
    )
    return spawn(file, words, { env: this.environment(container), cwd: this.#workDir(container), ...this.#user() })
  }

  /** Runs a container that ends. */
  run(name?: string): Promise<Ended> {
    return endOf(this.start(name))
  }

  /** `kubectl exec`: a program of the image beside the first container, with its variables. */
  exec(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const [file = '', ...rest] = words
    // Its own loopback is not this machine's.
    const env = { TNL_ENDPOINTS: `${this.address}:7654`, ...this.environment(this.container()), ...variables }
    return endOf(spawn(file, rest, { env, cwd: this.#programs, ...this.#user() }))
  }

  /** Those of the image, those of the container, and nothing of this machine but the way to its programs. */
  environment(container: Container): Record<string, string> {
    const values: Record<string, string> = {}
    for (const { name, value, valueFrom } of container.env ?? []) {
      const text = valueFrom === undefined ? (value ?? '') : this.#field(name, valueFrom.fieldRef?.fieldPath)
      // What is not known is left as it stands, as the kubelet does it.
      values[name] = text.replace(/\$\((\w+)\)/g, (all, other: string) => values[other] ?? all)
    }
    const isOurs = this.around.images?.[container.image] === undefined
    const merged = isOurs ? { ...imageVariables(), ...values } : values
    const here = Object.entries(merged).map(([name, text]) => [name, this.#here(text, container)])
    const path = isOurs ? `${this.#programs}:${SYSTEM_PATH}` : SYSTEM_PATH
    return { ...Object.fromEntries(here), PATH: path }
  }

  /** Where the file of a container lies on this machine. */
  path(inContainer: string, container = this.container()): string {
    return this.#here(inContainer, container)
  }

  #workDir({ image }: Container): string {
    return this.around.images?.[image] ?? this.#programs
  }

  #field(name: string, path: string | undefined): string {
    if (path === 'metadata.name') return this.name
    if (path === 'metadata.namespace') return this.around.namespace
    throw new Error(`${name}: ${path} is nothing that a pod of ours asks for`)
  }

  #here(text: string, container: Container): string {
    const places = new Map([
      ...(container.volumeMounts ?? []).map(({ mountPath, name }) => [mountPath, this.#directory(name)] as const),
      ['/app', join(this.#programs, 'app')] as const,
      ['/usr/local/bin/node', process.execPath] as const,
    ])
    // All at once: a directory of this machine may begin as a path of the container does.
    const paths = [...places.keys()].sort((a, b) => b.length - a.length).join('|')
    const isPath = new RegExp(`(?<![\\w/.-])(?:${paths})(?=$|[/"'\\s:;&])`, 'g')
    const here = text.replaceAll(isPath, (path) => places.get(path) ?? path)
    return this.#named(here)
  }

  #named(text: string): string {
    let named = text.replaceAll(/0\.0\.0\.0|\[::\]/g, this.address)
    for (const [pattern, address] of this.around.names) named = named.replaceAll(pattern, address)
    return named
  }

  #directory(volume: string): string {
    const claim = (this.spec.volumes ?? []).find(({ name }) => name === volume)?.persistentVolumeClaim?.claimName
    const dir = this.#claims.get(claim ?? volume) ?? join(this.#home, volume)
    mkdirSync(dir, { recursive: true })
    this.#give(dir, 0o2770)
    return dir
  }

  #layOut({ name, configMap, secret, emptyDir, persistentVolumeClaim }: Volume): void {
    const dir = this.#directory(name)
    if (emptyDir !== undefined || persistentVolumeClaim !== undefined) return
    const source = configMap?.name ?? secret?.secretName ?? ''
    const all = this.#filesOf(configMap === undefined ? 'Secret' : 'ConfigMap', source)
    const items = secret?.items ?? Object.keys(all).map((key) => ({ key, path: key }))
    for (const { key, path } of items) {
      const text = all[key]
      if (text === undefined) throw new Error(`${source} has no key ${key}`)
      const file = join(dir, path)
      // In one step, as a kubelet does it: another container of the pod may be reading it.
      writeFileSync(`${file}.new`, this.#inPlace(text))
      this.#give(`${file}.new`, secret?.defaultMode ?? 0o644)
      renameSync(`${file}.new`, file)
    }
  }

  #filesOf(kind: string, name: string): Readonly<Record<string, string>> {
    const { files, resources } = this.around
    const resource = resources.find((each) => each.kind === kind && each.metadata.name === name)
    const found = files[name] ?? resource?.stringData ?? resource?.data
    if (found === undefined) throw new Error(`pod ${this.name} waits for the ${kind} ${name}, which nobody makes`)
    return found
  }

  /** A file of settings names other files, as its container sees them. */
  #inPlace(text: string): string {
    return this.#here(text, this.container())
  }

  /** The kubelet gives volumes to the group of the pod. */
  #give(path: string, mode: number): void {
    const { gid } = this.#user()
    if (gid !== undefined) chownSync(path, 0, gid)
    chmodSync(path, mode)
  }

  /** The user of the pod, where this process may become another. */
  #user(): { readonly uid?: number; readonly gid?: number } {
    const { runAsUser: uid, fsGroup: gid } = this.spec.securityContext ?? {}
    return uid === undefined || gid === undefined || !mayBecome(uid, gid) ? {} : { uid, gid }
  }
}

const SYSTEM_PATH = '/usr/bin:/bin'

const tried = new Map<string, boolean>()

/** Somebody who is not root may not even reach a working copy in root's own directory. */
export function mayBecome(uid: number, gid: number): boolean {
  const key = `${uid}:${gid}`
  let may = tried.get(key)
  if (may === undefined) {
    const words = [builtProgram('tnl-server'), '--version']
    may = process.getuid?.() === 0 && spawnSync(process.execPath, words, { uid, gid, cwd: '/' }).status === 0
    tried.set(key, may)
  }
  return may
}

/** What the image has on its PATH. */
function layOutPrograms(dir: string): string {
  try {
    mkdirSync(dir, { recursive: false })
  } catch {
    return dir
  }
  const programs = ['tnl', 'tnl-server', 'tnl-client'].map((name) => [name, builtProgram(name)] as const)
  for (const [name, file] of programs) {
    writeFileSync(join(dir, name), `#!/bin/sh\nexec '${process.execPath}' '${file}' "$@"\n`)
    chmodSync(join(dir, name), 0o755)
  }
  symlinkSync(join(ROOT, 'bin/tnl-do'), join(dir, 'tnl-do'))
  symlinkSync(process.execPath, join(dir, 'node'))
  mkdirSync(join(dir, 'app'))
  for (const name of ['bin', 'dist', 'node_modules', 'package.json'])
    symlinkSync(join(ROOT, name), join(dir, 'app', name))
  chmodSync(dirname(dir), 0o755)
  return dir
}
