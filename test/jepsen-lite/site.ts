import type { ClientProcesses } from './client-processes.js'
import type { Attack } from './schedule.js'
import type { Finding } from './types.js'

export interface Skipped {
  readonly name: string
  readonly why: string
}

/** The cluster that a run is about. */
export interface Site {
  /** HOST:PORT for clients. */
  readonly endpoints: readonly string[]
  /** HOST:PORT to ask for each node's status. */
  readonly observed: readonly string[]
  /** HOST:PORT for clients with nobody between them and the node, as far as this site can offer that. */
  readonly direct: readonly string[]
  readonly leaseMs: number
  /** What the clients' sessions ask for; 0: they say nothing of it. */
  readonly lingerMs: number
  readonly attacks: readonly Attack[]
  readonly skipped: readonly Skipped[]
  readonly clients: ClientProcesses
  /** What the site itself has seen go wrong. */
  readonly findings: readonly Finding[]
  /** What keeps the cluster from serving, or null. */
  whyNotServing(): Promise<string | null>
  /** When it serves, before anybody attacks it. */
  prepare?(): Promise<void>
  /** When all faults are healed, while the clients go on. What it throws is a finding. */
  settle?(): Promise<void>
  close(): Promise<void>
}

/** The run cannot begin: not a fault of the product. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun'
}

/** `all`, or the names that were asked for, or all but those: `all,-disk-hangs-all`. Each must be known. */
export function chosen<T extends { readonly name: string; readonly byNameOnly?: true }>(
  flag: string,
  wanted: string,
  known: readonly T[],
): readonly T[] {
  const drawn = known.filter(({ byNameOnly }) => byNameOnly !== true)
  if (wanted === 'all') return drawn
  if (wanted === 'none') return []
  const find = (name: string): T => {
    const found = known.find((candidate) => candidate.name === name)
    if (found !== undefined) return found
    throw new CannotRun(`${flag} ${wanted}: ${name} is none of ${known.map((one) => one.name).join(', ')}`)
  }
  const [first, ...others] = wanted.split(',')
  if (first !== 'all') return wanted.split(',').map(find)
  const without = others.map((name) => find(name.replace(/^-/, '')))
  return drawn.filter((one) => !without.includes(one))
}
