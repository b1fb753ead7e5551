import { ClientProcesses } from './client-processes.js'
import { scriptedAttacks } from './nemeses/scripted.js'
import { statusOf } from './observer.js'
import type { Attack } from './schedule.js'
import { CannotRun, chosen, type Site, type Skipped } from './site.js'

/** The default of the server, and of its clients. */
const LEASE_MS = 10_000

export interface RemoteSiteOptions {
  readonly endpoints: readonly string[]
  /** The owner's own, or null: then nothing is broken on purpose. */
  readonly script: string | null
  /** Names of the script's faults. */
  readonly nemesis: string
  readonly lingerMs: number
}

/** A cluster that runs elsewhere, and that somebody else can break. */
export class RemoteSite implements Site {
  readonly leaseMs = LEASE_MS
  readonly skipped: readonly Skipped[] = []
  readonly findings = []
  readonly clients = new ClientProcesses()

  private constructor(
    readonly endpoints: readonly string[],
    readonly attacks: readonly Attack[],
    readonly lingerMs: number,
  ) {}

  static async open({ endpoints, script, nemesis, lingerMs }: RemoteSiteOptions): Promise<RemoteSite> {
    const known = script === null ? [] : await scriptedAttacks(script)
    const attacks = script === null ? [] : chosen('--nemesis', nemesis, known)
    if (script !== null && attacks.length === 0) throw new CannotRun(`--nemesis-script ${script}: lists no faults`)
    return new RemoteSite(endpoints, attacks, lingerMs)
  }

  get observed(): readonly string[] {
    return this.endpoints
  }

  get direct(): readonly string[] {
    return this.endpoints
  }

  async whyNotServing(): Promise<string | null> {
    const reports = await Promise.all(this.endpoints.map(statusOf))
    for (const [index, report] of reports.entries()) {
      if (report === null) return `${this.endpoints[index]} does not answer`
      if (report.leader === null || report.lease <= 0) return `${report.node} cannot speak for its clients`
    }
    return null
  }

  async close(): Promise<void> {}
}
