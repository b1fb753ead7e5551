/**
 * The first bootstrap of a cluster (rules.md, Consensus, Bootstrap). With an empty directory a node takes part in a first
 * election only after every member of `--cluster` has said that it has *stored* the same cluster id. Otherwise a member
 * that was wiped before the first election could form a second cluster beside the first.
 */
import { pack, unpack } from 'msgpackr'
import { sha256 } from '../../../digest.js'
import type { Clock, Random, Timer } from '../../../platform.js'
import { BOOTSTRAP_ANNOUNCE_MS } from '../../limits.js'
import { type LogStore, type Seed, StoreError } from '../../ports/store.js'
import type { Peer } from '../../ports/transport.js'
import type { Announcement, BootstrapRecord } from '../../wire/control-messages.js'

export const BOOTSTRAP_RECORD_KEY = 'bootstrap'

const HASH_DIGITS = 16
const SEED_MARK = '+'

export interface BootstrapDeps {
  readonly nodeId: string
  /** Every node id of `--cluster`, this one included. */
  readonly members: readonly string[]
  /** Of what all have to agree on beforehand: see `formationHash`. */
  readonly listHash: string
  readonly nodeLeaseMs: number
  /** Null: the cluster begins empty. */
  readonly seed: Seed | null
  readonly store: LogStore
  readonly clock: Clock
  readonly random: Random
  send(to: string, payload: Uint8Array): void
  /** Every member has stored `record`: the node may become a member of the new cluster. */
  onFormed(record: BootstrapRecord): void
  onError(error: unknown): void
}

export class Bootstrap {
  #record: BootstrapRecord | null
  readonly #stored = new Set<string>()
  #formed = false
  #storing = false
  #timer: Timer | null = null
  readonly #founder: string

  constructor(
    private readonly deps: BootstrapDeps,
    record: BootstrapRecord | null,
  ) {
    this.#record = record
    this.#founder = [...deps.members].sort()[0] ?? deps.nodeId
  }

  /** The id that this node has stored, or '' before. Said in every hello, so that a laggard is told from a wiped node. */
  get clusterId(): string {
    return this.#record?.clusterId ?? ''
  }

  start(): void {
    if (this.#record !== null) this.#stored.add(this.deps.nodeId)
    else if (this.deps.nodeId === this.#founder) this.#found()
    this.#announce()
    this.#check(false)
  }

  stop(): void {
    this.#formed = true
    this.#timer?.cancel()
  }

  handle(from: string, said: Announcement): void {
    if (this.#formed) return
    const fromFounder = from === this.#founder && this.deps.nodeId !== this.#founder
    if (said.clusterId !== this.#record?.clusterId) {
      // An id that was not confirmed may be stored again: the founder may have lost its directory before all had stored.
      if (fromFounder && this.#isAcceptable(said)) this.#keep(said)
      return
    }
    this.#stored.add(from)
    this.#check(said.confirmed)
  }

  /** What this node, once formed, tells a member that still waits. */
  static confirmation(record: BootstrapRecord): Uint8Array {
    return pack({ ...record, confirmed: true })
  }

  #found(): void {
    const { deps } = this
    this.#keep({
      clusterId: Buffer.from(deps.random.bytes(16)).toString('hex'),
      listHash: deps.listHash,
      createdUnixSeconds: Math.max(
        Math.floor(deps.clock.wallNow() / 1000),
        deps.seed?.plantedUnixSeconds ?? 0,
        deps.seed?.leastUnixSeconds ?? 0,
      ),
      nodeLeaseMs: deps.seed?.nodeLeaseMs ?? deps.nodeLeaseMs,
    })
  }

  /**
   * Who has a seed begins with those alone who have the same: their hellos were compared, but what comes from elsewhere, or from a
   * process that was replaced, was not. A directory may know of tokens that the founder's does not (`tnl snapshot restore --replace`).
   */
  #isAcceptable({ listHash, createdUnixSeconds }: BootstrapRecord): boolean {
    const { seed } = this.deps
    if (seed === null) return true
    if (listHash !== this.deps.listHash) return false
    if (createdUnixSeconds >= seed.leastUnixSeconds) return true
    this.deps.onError(
      new StoreError(
        'foreign',
        `${this.#founder} would begin the restored cluster at unix time ${createdUnixSeconds}, and tokens of up to ` +
          `${seed.leastUnixSeconds} were given: set its clock right, and restore there once more`,
      ),
    )
    return false
  }

  #keep({ clusterId, listHash, createdUnixSeconds, nodeLeaseMs }: BootstrapRecord): void {
    if (this.#storing) return
    this.#storing = true
    const record = { clusterId, listHash, createdUnixSeconds, nodeLeaseMs }
    this.deps.store.putRecord(BOOTSTRAP_RECORD_KEY, pack(record)).then(
      () => {
        this.#storing = false
        this.#record = record
        this.#stored.clear()
        this.#stored.add(this.deps.nodeId)
        this.#say()
        this.#check(false)
      },
      (error: unknown) => this.deps.onError(error),
    )
  }

  #announce(): void {
    if (this.#formed) return
    this.#say()
    this.#timer = this.deps.clock.after(BOOTSTRAP_ANNOUNCE_MS, () => this.#announce())
  }

  #say(): void {
    if (this.#record === null) return
    const payload = pack({ ...this.#record, confirmed: false })
    for (const member of this.deps.members) if (member !== this.deps.nodeId) this.deps.send(member, payload)
  }

  #check(confirmed: boolean): void {
    if (this.#formed || this.#record === null || !this.#stored.has(this.deps.nodeId)) return
    if (!confirmed && this.#stored.size < this.deps.members.length) return
    this.stop()
    this.deps.onFormed(this.#record)
  }
}

/** Founders get their Raft ids by the order of their node ids: every founder computes the same. */
export function founderIds(founders: readonly Peer[]): Peer[] {
  return [...founders]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map((peer, place) => ({ ...peer, raftId: place + 1 }))
}

/**
 * What all founders must agree on before they form a cluster: the list, and what they begin with. Said in every hello, where an
 * older program compares it as it is, so that one which knows no seeds does not begin with those that have one.
 */
export function formationHash(founders: readonly Peer[], seed: Pick<Seed, 'seal'> | null): string {
  const list = founderIds(founders).map(({ nodeId, address }) => `${nodeId}=${address}`)
  const hash = sha256(list.join(',')).toString('hex').slice(0, HASH_DIGITS)
  return seed === null ? hash : `${hash}${SEED_MARK}${seed.seal.slice(0, HASH_DIGITS)}`
}

/** Whether two that do not agree have the same list, and so another seed. */
export function haveOneList(a: string, b: string): boolean {
  return a.split(SEED_MARK)[0] === b.split(SEED_MARK)[0]
}

export async function loadBootstrapRecord(store: LogStore): Promise<BootstrapRecord | null> {
  const bytes = await store.getRecord(BOOTSTRAP_RECORD_KEY)
  return bytes === null ? null : (unpack(bytes) as BootstrapRecord)
}
