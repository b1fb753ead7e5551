/** The metrics of a node that a test makes: with nothing counted elsewhere, unless the test says so. */
import { Registry } from 'prom-client'
import { type CountedElsewhere, ServerMetrics } from '../../src/server/http/metrics.js'
import { PrefixLabels } from '../../src/server/http/prefix-labels.js'
import type { StatusSources } from '../../src/service/status.js'

export function serverMetrics(
  sources: StatusSources,
  counted: Partial<CountedElsewhere> = {},
  registry: Registry = new Registry(),
): ServerMetrics {
  return new ServerMetrics(registry, sources, {
    proposals: () => 0,
    dropped: () => 0,
    ignored: () => 0,
    level: () => 1,
    snapshotSentUnixMs: () => 0,
    contended: () => 0,
    survey: () => Promise.resolve(),
    labels: new PrefixLabels([]),
    ...counted,
  })
}
