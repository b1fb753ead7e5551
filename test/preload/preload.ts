import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { losePower, POWER_TABLE_BYTES, type PowerLoss } from './power-cut.js'

const SOURCES = ['faults.c', 'power.c'].map((name) => fileURLToPath(new URL(name, import.meta.url)))

/** Where each fault stands in the file that the preloaded library maps (`struct block` of faults.c). */
const OFFSETS = { syncDelayMs: 0, syncErrno: 4, driftPpm: 8, wallOffsetMs: 12, syncHang: 16 } as const
const BLOCK_BYTES = 20
const FIELD_BYTES = 4

export type ProcessFault = keyof typeof OFFSETS

/** Faults within the server processes: a small library in C that stands between them and their system. */
export class Preload {
  readonly #blocks = new Map<string, number>()

  private constructor(
    private readonly library: string,
    private readonly dir: string,
  ) {}

  /** Compiles it in `dir`; a string says why that cannot be done here. */
  static build(dir: string): Preload | string {
    if (process.platform !== 'linux') return 'needs Linux'
    const library = join(dir, 'faults.so')
    const words = ['-shared', '-fPIC', '-O2', '-o', library, ...SOURCES, '-ldl', '-lpthread']
    const { error, status, stderr } = spawnSync('cc', words, { encoding: 'utf8' })
    if (error !== undefined) return 'needs a C compiler (cc)'
    if (status !== 0) return `cc failed: ${stderr.trim().split('\n')[0]}`
    return new Preload(library, dir)
  }

  /** What the next process of `node` has to see. What it writes below `dataDir`, which must exist, is under faults. */
  environment(node: string, dataDir: string): NodeJS.ProcessEnv {
    const path = join(this.dir, `${node}.faults`)
    writeFileSync(path, Buffer.alloc(BLOCK_BYTES))
    if (!this.#blocks.has(node)) this.#blocks.set(node, openSync(path, 'r+'))
    const table = this.#powerTable(node)
    writeFileSync(table, Buffer.alloc(POWER_TABLE_BYTES))
    return { LD_PRELOAD: this.library, TNL_FAULTS: path, TNL_FAULTS_DIR: dataDir, TNL_POWER: table }
  }

  /** What the last process of `node`, which has ended, had not synced is taken out of the files in `dataDir`. */
  losePower(node: string, dataDir: string, random: SeededRandom): PowerLoss {
    return losePower(this.#powerTable(node), dataDir, random)
  }

  /** At once, in the running process. */
  set(node: string, fault: ProcessFault, value: number): void {
    const file = this.#blocks.get(node)
    if (file === undefined) throw new Error(`no preload for ${node}`)
    const bytes = Buffer.alloc(FIELD_BYTES)
    bytes.writeInt32LE(value)
    writeSync(file, bytes, 0, FIELD_BYTES, OFFSETS[fault])
  }

  #powerTable(node: string): string {
    return join(this.dir, `${node}.power`)
  }

  close(): void {
    for (const file of this.#blocks.values()) closeSync(file)
  }
}
