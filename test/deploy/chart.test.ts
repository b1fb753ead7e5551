/**
 * The Helm chart, by what it is rendered to for a matrix of values (`values`, `rendered`). Where there is no helm the kept
 * renderings are looked at, and that nothing they were made from has changed since.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { digestOfSources, keptDigest, RENDERED, ROOT, renderings } from '../../scripts/chart/charts.js'
import { OPTIONS } from '../../src/server/config/options.js'
import { VERSION } from '../../src/version.js'
import {
  type Container,
  find,
  type Labels,
  labelsOf,
  parseManifests,
  podTemplateOf,
  type Resource,
  type ResourceSpec,
} from '../kit/pods.js'

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const rendered = new Map(renderings().map(({ name, file }) => [name, parseManifests(readFileSync(file, 'utf8'))]))
const of = (name: string): readonly Resource[] => rendered.get(name) ?? []
const everything = [...rendered].flatMap(([name, resources]) => resources.map((resource) => ({ name, resource })))

/** Every pod of every rendering. */
const pods = everything.flatMap(({ name, resource }) => {
  const pod = podTemplateOf(resource)
  return pod === null ? [] : [[`${name}: ${resource.kind} ${resource.metadata.name}`, pod] as const]
})
const setOf = (resources: readonly Resource[]): ResourceSpec => find(resources, 'StatefulSet').spec

function node(resources: readonly Resource[]): Container {
  const [container] = setOf(resources).template?.spec.containers ?? []
  if (container === undefined) throw new Error('no container')
  return container
}

const settings = (name: string): Record<string, unknown> => {
  const maps = of(name).filter((each) => each.kind === 'ConfigMap' && each.data?.['tcpnetlock.yaml'] !== undefined)
  return parse(maps[0]?.data?.['tcpnetlock.yaml'] ?? '')
}

describe('the renderings', () => {
  it('are of the chart as it is now (npm run chart)', () => {
    expect(keptDigest()).toBe(digestOfSources())
  })

  it('have none that nothing is made of', () => {
    const names = renderings().flatMap(({ name, isPlain }) => (isPlain ? [] : [`${name}.yaml`]))
    expect(readdirSync(RENDERED).sort()).toEqual([...names, 'made-from.sha256'].sort())
  })

  it('are of this version', () => {
    const chart = parse(text('deploy/helm/tcpnetlock/Chart.yaml'))
    expect([chart.version, chart.appVersion]).toEqual([VERSION, VERSION])
    expect(node(of('defaults')).image).toBe(`tcpnetlock:${VERSION}`)
  })

  it('show every value of the chart set to something else than its default', () => {
    const leaves = (value: unknown, path: string): string[] =>
      value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0
        ? Object.entries(value).flatMap(([key, each]) => leaves(each, `${path}.${key}`))
        : [path]
    const defaults = leaves(parse(text('deploy/helm/tcpnetlock/values.yaml')), '')
    const set = renderings().flatMap(({ values }) => leaves(parse(readFileSync(values, 'utf8')), ''))
    const isSet = (path: string): boolean => set.some((each) => each.startsWith(path) || path.startsWith(`${each}.`))
    // What tests of other values would only repeat.
    const alike =
      /^\.(?:(?:pod|container)SecurityContext|livenessProbe|readinessProbe|startupProbe|lifecycle|resources)\.|\.key$/
    expect(defaults.filter((path) => !isSet(path) && !alike.test(path))).toEqual([])
  })
})

describe('every pod', () => {
  it.each(pods)('%s runs as nobody in particular, and may write only where it must', (_, { spec }) => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: expect.any(Number),
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(spec).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false })
    const [own] = spec.containers
    expect(own?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  it.each(pods)('%s mounts only what it has', (_, { spec }) => {
    const volumes = (spec.volumes ?? []).map(({ name }) => name)
    const mounts = spec.containers.flatMap(({ volumeMounts = [] }) => volumeMounts)
    const places = mounts.map(({ mountPath }) => mountPath)
    // A claim of the StatefulSet is a volume too.
    expect(mounts.map(({ name }) => name).filter((name) => name !== 'data' && !volumes.includes(name))).toEqual([])
    expect(new Set(places).size).toBe(places.length)
    expect(new Set(volumes).size).toBe(volumes.length)
  })

  it.each(pods)('%s asks ports by names that it has', (_, { spec }) => {
    for (const { ports = [], startupProbe, livenessProbe, readinessProbe } of spec.containers) {
      const names = ports.map(({ name }) => name)
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        if (probe?.httpGet !== undefined) expect(names).toContain(probe.httpGet.port)
      }
    }
  })
})

describe('what belongs together', () => {
  it.each([...rendered])('%s: every selector finds the pods of the nodes, and no others', (_, resources) => {
    const { selector: own, template } = setOf(resources)
    const matches = (selector: Labels, labels: Labels): boolean =>
      Object.entries(selector).every(([key, value]) => labels[key] === value)
    const ofKind = (kind: string): readonly ResourceSpec[] =>
      resources.filter((each) => each.kind === kind).map(({ spec }) => spec)
    const selectors = [
      own,
      ...[...ofKind('Service'), ...ofKind('PodDisruptionBudget')].map(({ selector }) => selector),
      ...ofKind('NetworkPolicy').map(({ podSelector }) => podSelector),
      ...(template?.spec.topologySpreadConstraints ?? []).map(({ labelSelector }) => labelSelector),
    ].map(labelsOf)
    const others = resources.filter(({ kind }) => kind !== 'StatefulSet').map(podTemplateOf)
    expect(selectors.length).toBeGreaterThanOrEqual(3)
    for (const selector of selectors) {
      expect(Object.keys(selector).length).toBeGreaterThan(0)
      expect(matches(selector, template?.metadata.labels ?? {})).toBe(true)
      for (const other of others) expect(other !== null && matches(selector, other.metadata.labels)).toBe(false)
    }
  })

  it.each([...rendered])('%s: names are there once, and mounted maps are made', (_, resources) => {
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { kind, metadata } of resources) expect(metadata.name.length, kind).toBeLessThanOrEqual(63)
    const maps = resources.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name)
    const mounted = resources.flatMap((resource) => podTemplateOf(resource)?.spec.volumes ?? [])
    const asked = mounted.flatMap(({ configMap }) => (configMap === undefined ? [] : [configMap.name]))
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter((name) => !maps.includes(name))).toEqual([])
  })

  it.each([...rendered])(
    '%s: a node whose quorum is gone is not restarted, and one that reads a long log neither',
    (name, resources) => {
      const { livenessProbe, readinessProbe, startupProbe } = node(resources)
      expect(livenessProbe?.httpGet?.path).toBe('/healthz')
      expect(readinessProbe?.httpGet?.path).toBe('/readyz')
      if (name !== 'trial') expect(startupProbe).toMatchObject({ httpGet: { path: '/healthz' }, failureThreshold: 300 })
    },
  )

  it.each([...rendered])('%s: nodes find each other before they are ready, and start together', (_, resources) => {
    const { serviceName, podManagementPolicy } = setOf(resources)
    const headless = find(resources, 'Service', serviceName)
    expect(headless.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true })
    expect(podManagementPolicy).toBe('Parallel')
  })
})

describe('deploy/kubernetes.yaml', () => {
  it('can be applied over that of 0.3.0: what a StatefulSet keeps is as it was', () => {
    const { metadata, spec } = find(of('kubernetes'), 'StatefulSet')
    expect({ name: metadata.name, ...spec }).toMatchObject({
      name: 'tcpnetlock',
      serviceName: 'tcpnetlock-peers',
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { app: 'tcpnetlock' } },
    })
    expect(labelsOf(spec.selector)).toEqual({ app: 'tcpnetlock' })
    expect(spec.volumeClaimTemplates).toEqual([
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ])
  })

  it('has nothing of helm in it', () => {
    expect(text('deploy/kubernetes.yaml')).not.toMatch(/helm\.sh|Helm$/m)
  })
})

describe('settings', () => {
  it.each([...rendered.keys()])('%s: the server knows every key', (name) => {
    const known = new Set<string>(OPTIONS.map((option) => option.name))
    expect(Object.keys(settings(name)).filter((key) => !known.has(key))).toEqual([])
  })

  it('name those that formed the cluster, also when others have joined', () => {
    const peer = (pod: number): string => `locks-tcpnetlock-${pod}.locks-tcpnetlock-peers:7655`
    expect(settings('grown').cluster).toEqual({
      'locks-tcpnetlock-0': peer(0),
      'locks-tcpnetlock-1': peer(1),
      'locks-tcpnetlock-2': peer(2),
    })
    expect(setOf(of('grown')).replicas).toBe(5)
  })

  it('of a cluster that grows change nothing that would restart a pod', () => {
    const joining = (name: string): string | undefined =>
      of(name).find(({ data }) => data?.joining !== undefined)?.data?.joining
    expect([joining('defaults'), joining('grown')]).toEqual(['', '3\n4\n2\n'])
    const { template: before } = setOf(of('defaults'))
    const { template: after } = setOf(of('grown'))
    expect(after?.metadata).toEqual(before?.metadata)
    expect(after?.spec.containers).toEqual(before?.spec.containers)
  })

  it('of the user are taken as they are, and only such as are not the chart’s own', () => {
    expect(settings('everything')).toMatchObject({ 'max-connections': 20_000, 'metrics-prefixes': ['deploy/', 'db/'] })
    const schema = JSON.parse(text('deploy/helm/tcpnetlock/values.schema.json'))
    const theirs: readonly string[] = Object.keys(schema.properties.config.properties)
    const own =
      /^(?:node-id|listen|port|advertise|peer-listen|peer-secret.*|cluster.*|join|data-dir|http|(?:peer-)?tls.*|auth-file|audit-.*)$/
    const possible = OPTIONS.map(({ name }) => name).filter((name) => !own.test(name))
    expect([...theirs].sort()).toEqual(possible.sort())
  })
})

describe('monitoring', () => {
  it('asks every pod, ready or not, under the name of the release', () => {
    const { spec } = find(of('secured'), 'ServiceMonitor')
    const services = of('secured').filter(({ kind }) => kind === 'Service')
    const found = services.filter(({ metadata }) =>
      Object.entries(labelsOf(spec.selector)).every(([key, value]) => metadata.labels?.[key] === value),
    )
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['locks-tcpnetlock-peers'])
    expect(found[0]?.metadata.labels?.[spec.jobLabel ?? '']).toBe('locks')
    const [endpoint] = spec.endpoints ?? []
    expect(found[0]?.spec.ports?.map(({ name }) => name)).toContain(endpoint?.port)
    expect(endpoint).toMatchObject({ scheme: 'https', authorization: { credentials: { key: 'token' } } })
  })
})

describe('who reaches what', () => {
  const waysTo = (name: string, port: number): NonNullable<ResourceSpec['ingress']> =>
    (find(of(name), 'NetworkPolicy').spec.ingress ?? []).filter(({ ports }) => ports.some((each) => each.port === port))

  it.each(['kubernetes', 'defaults', 'secured', 'everything'])('%s: only nodes reach the port of peers', (name) => {
    const nodes = { podSelector: setOf(of(name)).selector }
    expect(waysTo(name, 7655).map(({ from }) => from)).toEqual([[nodes]])
  })

  it('a closed network lets in whom it names, the nodes and the backup', () => {
    expect(waysTo('secured', 7654)[0]?.from).toHaveLength(3)
    expect(waysTo('secured', 7656)[0]?.from).toHaveLength(2)
    expect(find(of('secured'), 'NetworkPolicy').spec.policyTypes).toEqual(['Ingress', 'Egress'])
    expect(waysTo('defaults', 7654)[0]?.from).toBeUndefined()
  })

  it('the backup has no key of the nodes', () => {
    const pod = podTemplateOf(find(of('secured'), 'CronJob'))
    const secrets = pod?.spec.volumes?.flatMap(({ secret }) => (secret === undefined ? [] : [secret]))
    expect(secrets?.find(({ secretName }) => secretName === 'locks-certificates')?.items).toEqual([
      { key: 'ca.crt', path: 'ca.crt' },
    ])
  })

  it('a certificate is for every name that clients and peers go by', () => {
    const { spec } = find(of('cert-manager'), 'Certificate')
    expect(spec.uris).toEqual([0, 1, 2].map((pod) => `tnl://production/locks-tcpnetlock-${pod}`))
    expect(spec.dnsNames).toEqual(
      expect.arrayContaining([
        'locks-tcpnetlock.prod.svc',
        '*.locks-tcpnetlock-peers.prod.svc',
        'localhost',
        'locks.example.com',
      ]),
    )
    const advertised = node(of('cert-manager')).env?.find(({ name }) => name === 'TNL_ADVERTISE')?.value
    expect(advertised).toBe('$(TNL_NODE_ID).locks-tcpnetlock-peers.$(POD_NAMESPACE).svc:7654')
    expect(settings('cert-manager')['cluster-name']).toBe('production')
  })
})
