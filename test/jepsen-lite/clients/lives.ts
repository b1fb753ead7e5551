/** The life that most clients lead: to take a lock, hold it for a while, release it, and think. */
import { ClassicClient, type ClassicLock } from './classic-client.js'
import { type ClientContext, pause } from './client.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from './finishing.js'
import { LibraryClient } from './library-client.js'

/** Drawn anew for every turn. */
export interface Habits {
  readonly waitMs: (context: ClientContext) => number
  readonly holdMs: (context: ClientContext) => number
  readonly thinkMs: (context: ClientContext) => number
}

const LEAVE_PROBABILITY = 0.2

/** `beside`: goes on all the while, until the client shall finish. */
export async function liveWithLibrary(
  context: ClientContext,
  { waitMs, holdMs, thinkMs }: Habits,
  beside: (client: LibraryClient) => Promise<void> = async () => {},
): Promise<void> {
  const client = await LibraryClient.connect(context)
  if (client === null) return
  const aside = beside(client)
  const { random, names, stopping } = context
  while (!stopping.aborted) {
    const taken = await client.acquire(random.pick(names), waitMs(context))
    if (taken !== null) {
      await pause(context, holdMs(context))
      await client.release(taken)
    }
    await pause(context, thinkMs(context))
  }
  await aside
  await finish(context, async (name) => {
    const taken = await client.acquire(name, FINISHING_WAIT_MS, FINISHING)
    if (taken !== null) await client.release(taken)
    return taken !== null
  })
  await client.close()
}

/** In the classic dialect. Some locks are not released but left to the end of the connection. */
export async function liveClassic(context: ClientContext, { waitMs, holdMs, thinkMs }: Habits): Promise<void> {
  const client = new ClassicClient(context)
  const { random, names, stopping } = context
  const end = async (lock: ClassicLock): Promise<void> => {
    if (random.chance(LEAVE_PROBABILITY)) client.leave(lock, 'left')
    else await client.release(lock)
  }
  while (!stopping.aborted) {
    const lock = await client.acquire(random.pick(names), waitMs(context))
    if (lock !== null && (await client.hold(lock, holdMs(context)))) await end(lock)
    await pause(context, thinkMs(context))
  }
  await finish(context, async (name) => {
    const lock = await client.acquire(name, FINISHING_WAIT_MS, FINISHING)
    if (lock !== null) await client.release(lock)
    return lock !== null
  })
}
