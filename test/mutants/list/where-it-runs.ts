/** Faults of what a node is run by: units, image, manifests, and the checks of a release. */
import type { Mutant } from '../mutant.js'

const CHECKS = 'scripts/release/checks.ts'

const own = { rule: 'own', killers: ['tests'] } as const
const units = { ...own, tests: ['test/deploy/systemd.test.ts'] } as const
const release = { ...own, tests: ['test/scripts/release-check.test.ts'] } as const

export const WHERE_IT_RUNS: readonly Mutant[] = [
  {
    ...units,
    id: 'T880',
    title: 'systemd starts a node again whose data directory is damaged',
    edits: [{ file: 'deploy/systemd/tcpnetlock.service', find: 'Status=2 4 5', replace: 'Status=2 5' }],
  },
  {
    ...units,
    id: 'T881',
    title: 'the scheduled backup keeps the oldest',
    edits: [{ file: 'deploy/systemd/tcpnetlock-backup.service', find: 'sort -r |', replace: 'sort |' }],
  },
  {
    ...own,
    id: 'T882',
    title: 'the health check of the image takes silence for health',
    tests: ['test/deploy/container.test.ts'],
    edits: [
      {
        file: 'deploy/docker/healthcheck.js',
        find: "request.on('error', () => resolve(false))",
        replace: "request.on('error', () => resolve(true))",
      },
    ],
  },
  {
    ...own,
    id: 'T883',
    title: 'a pod that joins forms a cluster instead',
    tests: ['test/deploy/kubernetes.test.ts'],
    edits: [
      {
        file: 'test/deploy/rendered/grown.yaml',
        find: '/etc/tnl/config/joining; then export TNL_JOIN=true; fi',
        replace: '/etc/tnl/config/joining; then TNL_JOIN=true; fi',
      },
    ],
  },
  {
    ...own,
    id: 'T884',
    title: 'the chart has changed, and nobody notices that what is kept of it is of before',
    tests: ['test/deploy/chart.test.ts'],
    edits: [
      {
        file: 'deploy/helm/tcpnetlock/templates/statefulset.yaml',
        find: 'podManagementPolicy: Parallel',
        replace: 'podManagementPolicy: OrderedReady',
      },
    ],
  },
  {
    ...release,
    id: 'T885',
    title: 'a package with two licences passes if we know one of them',
    edits: [{ file: CHECKS, find: 'ids.every((id)', replace: 'ids.some((id)' }],
  },
  {
    ...release,
    id: 'T886',
    title: 'a version may be dated to tomorrow',
    edits: [{ file: CHECKS, find: 'day === undefined || day > today', replace: 'day === undefined' }],
  },
]
