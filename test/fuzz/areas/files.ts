/**
 * A data directory of which something is not what was written: everything acknowledged is there, or it is refused as
 * damaged. One fault at a time in a file: two in both copies of a journal slot's newest slot leave no trace (ADR 4).
 */
import { EMPTY_CONF_STATE, type Entry, EntryType } from '../../../src/raft/core/types.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import { type LogStore, StoreError } from '../../../src/raft/ports/store.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { MemoryDisk } from '../../../src/testing/memory-disk.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Area, Finding, Trail } from '../area.js'
import { damaged, faulty } from '../values.js'

const DIRECTORY = '/data'
const DAMAGES = 25
const BATCHES = 12
const NO_TIMERS = { after: () => ({ cancel: () => undefined }) }

class Case {
  readonly #random: SeededRandom
  readonly #trail = new Trail(5)
  readonly #entries: Entry[] = []
  #term = 1
  #vote = 1
  #commit = 0
  #cut = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  async run(): Promise<number> {
    const disk = new MemoryDisk((bound) => this.#random.int(bound))
    const store = await openStore(DIRECTORY, { disk, ...NO_TIMERS })
    await store.writeIdentity({ clusterId: 'c', nodeId: 'n1', raftId: 1, memberUid: 'u' })
    for (let batch = 0; batch < BATCHES; batch++) await this.#write(store)
    if (this.#random.chance(0.5)) await store.close()
    for (let time = 0; time < DAMAGES; time++) await this.#damage(disk.copy())
    return DAMAGES
  }

  async #write(store: LogStore): Promise<void> {
    const random = this.#random
    // Terms jump, but stay below 2^53: a log with larger numbers was never written.
    if (random.chance(0.3) && this.#term < 2 ** 52) {
      this.#term += random.pick([1, 2 ** 31, 2 ** 40])
      this.#vote = random.int(4)
    }
    const last = this.#cut + this.#entries.length
    const data = () => random.bytes(random.pick([0, 1, 100, 5_000]))
    const entries = Array.from({ length: random.int(4) }, (_, at) => {
      return { index: last + 1 + at, term: this.#term, type: EntryType.normal, data: data() }
    })
    this.#entries.push(...entries)
    this.#commit = Math.max(this.#commit, last + random.int(entries.length + 1))
    const hardState = { term: this.#term, vote: this.#vote, commit: this.#commit }
    await store.append({ hardState, entries, mustSync: true })
    if (random.chance(0.2)) await store.putRecord(random.pick(['a', 'b']), random.bytes(random.int(300)))
    if (random.chance(0.15) && this.#commit > this.#cut) await this.#snapshot(store)
  }

  async #snapshot(store: LogStore): Promise<void> {
    const random = this.#random
    const at = this.#entries[this.#commit - this.#cut - 1]
    if (at === undefined) return
    const chunks = Array.from({ length: random.int(3) }, () => random.bytes(random.int(3_000)))
    const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }
    const source = { next: () => chunks.pop() ?? null, abort: () => undefined }
    await store.saveSnapshot({ index: at.index, term: at.term, confState }, source)
    if (random.chance(0.5)) return
    await store.compact(at.index)
    this.#entries.splice(0, at.index - this.#cut)
    this.#cut = at.index
  }

  async #damage(disk: MemoryDisk): Promise<void> {
    const random = this.#random
    disk.processEnded()
    const { database } = disk
    const keys = database?.keys() ?? []
    if (database !== null && keys.length > 0 && random.chance(0.4)) {
      const key = random.pick(keys)
      const bytes = database.synced(key) ?? Buffer.alloc(0)
      this.#trail.add(`pair ${key} of ${bytes.length} bytes`)
      database.damage(key, random.chance(0.1) ? null : Buffer.from(damaged(random, bytes)))
    } else {
      const path = random.pick(disk.paths())
      this.#trail.add(`file ${path}`)
      if (random.chance(0.05)) disk.loseFile(path)
      else disk.file(path).damage((bytes) => Buffer.from(faulty(random, bytes)))
    }
    await this.#open(disk)
  }

  async #open(disk: MemoryDisk): Promise<void> {
    let store: LogStore
    try {
      store = await openStore(DIRECTORY, { disk, ...NO_TIMERS })
    } catch (error) {
      if (error instanceof StoreError && ['damaged', 'foreign'].includes(error.kind) && error.message !== '') return
      // A changed digit of FORMAT is a newer format.
      if (error instanceof OlderProgramError) return
      throw new Finding(`refused with ${String(error)}`, this.#trail.lines, { cause: error })
    }
    const { entries, hardState } = store.loaded
    const mine = JSON.stringify(this.#entries.map(plain))
    const theirs = JSON.stringify(entries.filter(({ index }) => index > this.#cut).map(plain))
    if (mine !== theirs || hardState.term !== this.#term) {
      throw new Finding(`opened without a word, and is not what was written`, this.#trail.lines)
    }
    await this.#readSnapshot(store)
    await store.close()
  }

  async #readSnapshot(store: LogStore): Promise<void> {
    const { snapshot } = store.loaded
    if (snapshot === null) return
    try {
      const reader = await store.openSnapshot(snapshot.index, snapshot.term)
      for await (const _ of reader.chunks());
      await reader.close()
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'damaged') return
      throw new Finding(`reading the snapshot threw ${String(error)}`, this.#trail.lines, { cause: error })
    }
  }
}

const plain = ({ index, term, data }: Entry) => [index, term, Buffer.from(data).toString('base64')]

export const files: Area = {
  name: 'files',
  what: 'FORMAT, journal, blocks, records and snapshots of a directory with bytes changed, through the start of a store',
  through: 'memory',
  play: (seed) => new Case(seed).run(),
}
