/** Clients that fill the log: locks with 4 KiB of metadata, many on the way at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestNode } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'

export const META_BYTES = 4_096
const META = 'm'.repeat(META_BYTES)
const BUSY_PAUSE_MS = 200

/** A session at `node`, ready for requests. */
export async function openSession(node: TestNode): Promise<Wire> {
  for (;;) {
    const wire = await Wire.open(node.port)
    wire.send('hello,version:2,redirect:no,lease:60\n')
    if ((await wire.line())?.startsWith('welcome') === true) return wire
    wire.destroy()
    await sleep(BUSY_PAUSE_MS)
  }
}

export const lockLine = (id: number, name: string): string => `lock,id:${id},name:${name},meta:${META}\n`

export class HeavyLoad {
  /** Locks that were granted, and requests that were refused as busy. */
  granted = 0
  busy = 0
  #stopped = false
  readonly #clients: Promise<void>[] = []

  constructor(nodes: readonly TestNode[], clients: number, batch: number) {
    for (let client = 0; client < clients; client++) {
      const node = nodes[client % nodes.length]
      if (node !== undefined) this.#clients.push(this.#run(node, client, batch))
    }
  }

  get megabytes(): number {
    return (this.granted * META_BYTES) / 2 ** 20
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  /** Takes and releases the same locks, a batch at a time. */
  async #run(node: TestNode, client: number, batch: number): Promise<void> {
    const wire = await openSession(node)
    for (let id = 1; !this.#stopped; ) {
      let lines = ''
      for (let n = 0; n < batch; n++, id += 2) {
        const name = `c${client}-${n}`
        lines += `${lockLine(id, name)}release,id:${id + 1},name:${name}\n`
      }
      wire.send(lines)
      let wasBusy = false
      for (let answers = 0; answers < 2 * batch; ) {
        const line = await wire.line()
        if (line === null) throw new Error('a session of the load ended')
        if (line.startsWith('queued')) continue
        answers++
        if (line.startsWith('ok')) this.granted++
        if (line.includes('code:busy')) {
          this.busy++
          wasBusy = true
        }
      }
      wire.send(`.keepalive,ack:${id - 1}\n`)
      await wire.line()
      if (wasBusy) await sleep(BUSY_PAUSE_MS)
    }
    wire.destroy()
  }
}

/** Resident memory as the node itself says, in MiB. */
export async function residentMegabytes(node: TestNode): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${node.plan.httpPort}/metrics`)
  const found = /^process_resident_memory_bytes (\S+)/m.exec(await response.text())
  return Number(found?.[1] ?? Number.NaN) / 2 ** 20
}
