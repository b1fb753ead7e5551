/** One command under one lock, one strike, and the clock. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LocalSession } from '../../src/client/session/local-session.js'
import { until } from '../kit/process-cluster.js'
import { DoProgram, STARTER } from '../kit/starter.js'
import { freshName, inTime, Wire } from '../kit/wire.js'
import type { ProofCommand } from './commands.js'
import { LifeLine } from './life-line.js'
import { SeverableWay } from './severable.js'
import type { Strike } from './strikes.js'

/** So long a command runs before it is struck: the guardian has looked at it, and so has the watcher heard of it. */
const SETTLED_MS = 1_500
/** How often it is looked whether anything is left. */
const LOOK_INTERVAL_MS = 1

export interface Place {
  /** Of a server; null: a lock of this host, without one. */
  readonly port: number | null
  readonly folder: string
  /** Further words for tnl-do. */
  readonly words?: readonly string[]
}

export interface Seen {
  readonly strike: string
  readonly command: string
  /** Milliseconds from the first look that found nothing left until the next client had the lock; negative: something was left then. */
  readonly marginMs: number
  /** From the strike until the next client had the lock. */
  readonly freeAfterMs: number
}

export async function runTrial(place: Place, strike: Strike, command: ProofCommand): Promise<Seen> {
  const lock = freshName()
  const lifeLine = new LifeLine(`${place.folder}/${lock}`)
  const way = await SeverableWay.open(place.port ?? 1)
  let looking: NodeJS.Timeout | undefined
  let isOver = false
  try {
    const where = place.port === null ? ['--local'] : ['--endpoints', `127.0.0.1:${way.port}`, '--lease', '3']
    const options = [...where, ...(place.words ?? []), ...(strike.options ?? []), '--lock-name', lock]
    const program = new DoProgram([STARTER, ...options, '--', ...lifeLine.hold(command.words)], {})
    const jobs = (): number => program.stdout.match(/^job \d+$/gm)?.length ?? 0
    await until(`${command.name} has started`, async () => jobs() === command.jobs)
    await sleep(strike.settleMs ?? SETTLED_MS)
    if (!lifeLine.isHeld) throw new Error(`${command.name} has ended by itself: ${program.stderr}`)
    const token = /^token (\d+)$/m.exec(program.stdout)?.[1] ?? ''
    const next = await askNext(place, lock)
    const struckAt = performance.now()
    let goneAt: number | null = null
    const look = (): void => {
      if (!isOver && goneAt === null && !lifeLine.isHeld) goneAt = performance.now()
    }
    looking = setInterval(look, LOOK_INTERVAL_MS)
    const granted = inTime(`the lock is free after ${strike.name}`, next.granted).then(() => {
      // Before anything else: whoever has the pipe now ran on while another had the lock.
      look()
      return performance.now()
    })
    // If the strike itself fails, that is what is told.
    granted.catch(() => undefined)
    await strike.strike({ program, way, lock, forceRelease: () => forceRelease(place, lock, token) })
    const grantedAt = await granted
    await until('nothing is left', async () => goneAt !== null).catch((error: Error) => {
      throw new Error(`${error.message}, but ${lifeLine.holders()}`)
    })
    next.end()
    return {
      strike: strike.name,
      command: command.name,
      marginMs: grantedAt - (goneAt ?? Number.POSITIVE_INFINITY),
      freeAfterMs: grantedAt - struckAt,
    }
  } finally {
    // A trial that has failed may be granted its lock yet.
    isOver = true
    clearInterval(looking)
    way.close()
    lifeLine.close()
  }
}

interface Next {
  readonly granted: Promise<void>
  end(): void
}

/** Resolves when the next client waits for the lock. */
async function askNext({ port }: Place, lock: string): Promise<Next> {
  if (port === null) {
    const session = new LocalSession('next')
    const granted = session.ask([{ name: lock, amount: 'exclusive' }], { waitMs: Number.POSITIVE_INFINITY })
    return { granted: granted.then(() => {}), end: () => void session.close() }
  }
  const wire = await Wire.open(port)
  wire.send(`lock,name:${lock},wait:forever\n.keepalive\n`)
  if ((await wire.line()) !== 'alive') throw new Error('the lock is not held')
  const granted = wire.line().then((line) => {
    if (line !== 'ok') throw new Error(`the lock is not to be had: ${line}`)
  })
  return { granted, end: () => wire.destroy() }
}

async function forceRelease({ port }: Place, lock: string, token: string): Promise<void> {
  const wire = await Wire.open(port ?? 0)
  await wire.ask('hello,version:2,redirect:no')
  const answer = await wire.ask(`.force-release,id:1,name:${lock},token:${token},reason:proof`)
  if (answer?.startsWith('forced,') !== true) throw new Error(`.force-release: ${answer}`)
  await wire.ask('bye')
  wire.destroy()
}
