/**
 * The manifest of `deploy/`, played with real processes: one a pod, each on a loopback address of its own, which stands for
 * the pod's name. Readiness goes as Kubernetes does it: the next pod waits for it unless the set starts in parallel.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { LineClient } from '../../src/cli/shared/line-client.js'
import { builtProgram, until } from '../kit/process-cluster.js'

const MANIFEST = fileURLToPath(new URL('../../deploy/kubernetes.yaml', import.meta.url))
const CLIENT_PORT = 7654
const HTTP_PORT = 7656

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly replicas: number
    readonly serviceName: string
    readonly podManagementPolicy?: string
    readonly publishNotReadyAddresses?: boolean
    readonly clusterIP?: string
    readonly template: { readonly spec: { readonly containers: readonly { readonly env: readonly Variable[] }[] } }
  }
}

const resources: readonly Resource[] = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => {
  if (document.errors.length > 0) throw document.errors[0]
  return document.toJS()
})

function resource(kind: string, name: string): Resource['spec'] {
  const found = resources.find((candidate) => candidate.kind === kind && candidate.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name} in the manifest`)
  return found.spec
}

const set = resource('StatefulSet', 'tcpnetlock')
/** Test runs side by side take other addresses. */
const NET = `127.${77 + (process.pid % 100)}.${(process.pid >> 7) % 250}`
const podName = (index: number): string => `tcpnetlock-${index}`
const podAddress = (index: number): string => `${NET}.${index + 1}`

/** The container's variables as the kubelet makes them, with addresses where DNS would have been asked. */
function environmentOf(index: number, dataDir: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const { name, value, valueFrom } of set.template.spec.containers[0]?.env ?? []) {
    if (valueFrom !== undefined && valueFrom.fieldRef.fieldPath !== 'metadata.name')
      throw new Error(`${name}: unknown field`)
    const text = valueFrom === undefined ? (value ?? '') : podName(index)
    values[name] = text.replace(/\$\(([A-Z_]+)\)/g, (_, other: string) => values[other] ?? '')
  }
  for (const [name, value] of Object.entries(values)) {
    values[name] = value
      .replaceAll(/tcpnetlock-(\d)\.tcpnetlock-peers/g, (_, pod: string) => podAddress(Number(pod)))
      .replace('0.0.0.0', podAddress(index))
  }
  return { ...values, TNL_DATA_DIR: dataDir }
}

async function isReady(index: number): Promise<boolean> {
  try {
    return (await fetch(`http://${podAddress(index)}:${HTTP_PORT}/readyz`)).ok
  } catch {
    return false
  }
}

describe.runIf(process.platform === 'linux')('the Kubernetes manifest', () => {
  const pods: ChildProcess[] = []
  let dir: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-pods-'))
    for (let index = 0; index < set.replicas; index += 1) {
      const dataDir = join(dir, podName(index))
      mkdirSync(dataDir)
      const env = { PATH: process.env.PATH, ...environmentOf(index, dataDir) }
      pods.push(spawn(process.execPath, [builtProgram('tnl-server')], { env, stdio: 'ignore', cwd: dir }))
      if (set.podManagementPolicy !== 'Parallel') await until(`${podName(index)} is ready`, () => isReady(index))
    }
    for (let index = 0; index < set.replicas; index += 1) await until(`pod ${index} is ready`, () => isReady(index))
  })

  afterAll(() => {
    for (const pod of pods) pod.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })

  it('lets nodes find each other before they are ready', () => {
    const headless = resource('Service', set.serviceName)
    expect(headless).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true })
  })

  it('forms a cluster whose nodes all serve', async () => {
    const holder = await LineClient.open({ host: podAddress(0), port: CLIENT_PORT })
    holder.send('lock,name:x')
    expect(await holder.next()).toBe('ok')
    const rival = await LineClient.open({ host: podAddress(1), port: CLIENT_PORT })
    rival.send('lock,name:x')
    expect(await rival.next()).toBe('not-granted')
    holder.close()
    rival.close()
  })
})
