/** A follower that comes back when the others are far ahead: what it has missed is more than any frame or window holds. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

const MISSED_BYTES = 64 * 1024 * 1024
/** On a slow machine it misses less, which the history says. */
const WRITING_MAX_MS = 60_000
const CAUGHT_UP_MS = 60_000
const META = 'm'.repeat(4_000)
/** Each lock line and its entry are about as long as its metadata. */
const BYTES_A_LOCK = META.length + 100
const WRITERS = 4
const LOCKS_A_BURST = 50
const POLL_MS = 200

export const lateFollowerNemeses: readonly Nemesis[] = [
  { name: 'late-follower', minNodes: 3, aim: async (ground, random) => lateFollower(ground, random) },
]

async function lateFollower(ground: Ground, random: Random): Promise<Fault> {
  const leader = await ground.leader()
  const followers = ground.free().filter((node) => node !== leader)
  if (followers.length === 0) throw new NotNow('no follower is free')
  const node = random.pick(followers)
  const victims = ground.seize([node])
  let missedBytes = 0
  return {
    target: node.id,
    begin: async () => {
      await node.kill()
      const deadlineMs = performance.now() + WRITING_MAX_MS
      while (missedBytes < MISSED_BYTES && performance.now() < deadlineMs) {
        const now = (await ground.cluster.leader()) ?? leader
        missedBytes += await writeMuch(now, Math.min(MISSED_BYTES - missedBytes, MISSED_BYTES / 8), deadlineMs)
      }
      if (missedBytes < MISSED_BYTES) throw new Error(`only ${Math.round(missedBytes / 2 ** 20)} MiB were written`)
    },
    end: async () => {
      node.start()
      await ground.cluster.untilCaughtUp(node, CAUGHT_UP_MS)
      victims.release()
    },
  }
}

/** Locks with long metadata, taken and given back by sessions that pipeline; returns how many bytes were confirmed. */
async function writeMuch(node: LocalNode, bytes: number, deadlineMs: number): Promise<number> {
  const writers = Array.from({ length: WRITERS }, (_, at) => new Writer(node, at))
  const written = (): number => BYTES_A_LOCK * writers.reduce((sum, { confirmed }) => sum + confirmed, 0)
  while (written() < bytes && performance.now() < deadlineMs && writers.some(({ isOpen }) => isOpen))
    await sleep(POLL_MS)
  for (const writer of writers) writer.close()
  return written()
}

class Writer {
  confirmed = 0
  readonly #socket: Socket
  #asked = 0

  constructor(
    node: LocalNode,
    private readonly number: number,
  ) {
    this.#socket = connect(node.directAddress)
    this.#socket.on('error', () => {})
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text) => this.#heard(String(text)))
    this.#socket.write('hello,version:2,redirect:no\n')
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  close(): void {
    this.#socket.end('bye\n')
  }

  #heard(text: string): void {
    if (text.startsWith('welcome')) this.#burst()
    this.confirmed += text.split('\nok,').length - 1 + (text.startsWith('ok,') ? 1 : 0)
    if (this.confirmed >= this.#asked && this.#asked > 0) this.#burst()
  }

  #burst(): void {
    for (let lock = 0; lock < LOCKS_A_BURST; lock++) {
      const name = `late-${this.number}-${lock}`
      // Without ids nothing is kept for a repetition; both lines of a pair are carried out in their order.
      this.#socket.write(`lock,name:${name},meta:${META}\nrelease,name:${name}\n`)
    }
    this.#asked += LOCKS_A_BURST
  }
}
