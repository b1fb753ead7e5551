/** The disks of the drill's nodes, which can be made slow or hang. */
import { mkdirSync } from 'node:fs'
import type { Surroundings } from '../../src/cli/cluster/cluster-node.js'
import { Preload, type ProcessFault } from '../preload/preload.js'

export class Disks {
  /** Or why there are no faults here. */
  readonly #preload: Preload | string

  /** `folder`: for the library of faults; null: these disks are to have none. */
  constructor(folder: string | null) {
    this.#preload = folder === null ? 'its nodes were started without faults' : Preload.build(folder)
  }

  /** In which a node has to start. Without a C compiler it runs like any other. */
  surroundings(nodeId: string, dataDir: string): Surroundings {
    if (typeof this.#preload === 'string') return {}
    mkdirSync(dataDir, { recursive: true })
    return { environment: { ...process.env, ...this.#preload.environment(nodeId, dataDir) } }
  }

  /** The disk of a node has this fault until `during` has resolved. */
  async while(nodeId: string, fault: ProcessFault, value: number, during: () => Promise<void>): Promise<void> {
    const preload = this.#preload
    if (typeof preload === 'string') throw new Error(`no disk can be made slow here: ${preload}`)
    preload.set(nodeId, fault, value)
    try {
      await during()
    } finally {
      preload.set(nodeId, fault, 0)
    }
  }

  close(): void {
    if (typeof this.#preload !== 'string') this.#preload.close()
  }
}
