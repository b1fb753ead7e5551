import { Counter, Gauge, type Registry } from 'prom-client'
import type { CredentialFiles } from './credential-files.js'
import { type ServerTls, TLS_PORTS } from './server-tls.js'

const SECOND_MS = 1_000

/** What `/metrics` shows of certificates: nothing for a port that has none. */
export function addTlsMetrics(registry: Registry, tls: Pick<ServerTls, 'clients' | 'peers' | 'failedCounts'>): void {
  const files: Readonly<Record<string, CredentialFiles | null>> = { client: tls.clients, peer: tls.peers }
  const gauge = (name: string, help: string, read: (files: CredentialFiles) => number): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      labelNames: ['of'],
      registers: [registry],
      collect: () => {
        for (const [of, one] of Object.entries(files)) if (one !== null) made.set({ of }, read(one))
      },
    })
  }
  gauge(
    'tnl_tls_certificate_not_after_seconds',
    'Unix time at which the first certificate of these files expires',
    (one) => one.notAfterMs / SECOND_MS,
  )
  gauge('tnl_tls_certificate_stale', '1 while the newest files are bad and those from before are in force', (one) =>
    one.isStale ? 1 : 0,
  )
  const failed: Counter = new Counter({
    name: 'tnl_handshakes_failed_total',
    help: 'Connections that came to nothing before their first line',
    labelNames: ['port'],
    registers: [registry],
    collect: () => {
      failed.reset()
      for (const port of TLS_PORTS) failed.inc({ port }, tls.failedCounts[port])
    },
  })
}
