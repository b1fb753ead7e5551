import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { type GuardedEnd, Guardian } from '../../src/cli/do-guardian.js'
import { ProcessGroup } from '../../src/cli/do-process-group.js'
import { Link } from '../../src/client/link.js'
import { type HoldLimit, instantNow, remainingMs } from '../../src/client/mirror.js'
import { aCommand } from './a-command.js'
import { compiledPrograms } from './compiled.js'

const POLL_MS = 5

const compiled = compiledPrograms()

/** Fields of /proc/PID/stat after the name: the state, then the parent. */
function statOf(processId: number): { state: string; parent: number } {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8')
  const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state, parent: Number(parent) }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(POLL_MS)
}

function startGuardian(): Guardian {
  const guardian = new Guardian([], compiled('guardian'))
  onTestFinished(async () => void (await guardian.killAll(null, 5_000)))
  return guardian
}

async function openLink(): Promise<Link> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const link = await Link.dial({ host: '127.0.0.1', port }, 5_000, new AbortController().signal)
  onTestFinished(() => {
    link.reset()
    server.close()
  })
  return link
}

/** SIGSTOP, and SIGCONT once the limit that the guardian knew has passed and a later one lies in its channel. */
async function sleepThrough(guardianId: number, limit: HoldLimit, say: () => void): Promise<void> {
  process.kill(guardianId, 'SIGSTOP')
  await until(() => statOf(guardianId).state === 'T')
  say()
  await until(() => remainingMs(limit) <= 0)
  process.kill(guardianId, 'SIGCONT')
}

it('a guardian that was stopped past the limit reads what tnl-do said meanwhile before it judges', async () => {
  const guardian = startGuardian()
  const link = await openLink()
  // It runs once it has answered; from then on its start takes nothing off the limit.
  await guardian.adopt(link)
  const started = new Promise<number>((resolve) => {
    guardian.onStarted = resolve
  })
  const ended = new Promise<GuardedEnd>((resolve) => {
    guardian.onEnd = resolve
  })
  const limit = { since: instantNow(), holdMs: 2_500 }
  guardian.run(aCommand(['sleep', '1000']), limit)
  const group = new ProcessGroup(await started)
  const { parent } = statOf(group.id)
  // It says that the command runs before it has set its timer; once it answers again, it has.
  await guardian.adopt(link)
  await sleepThrough(parent, limit, () => guardian.renew({ since: instantNow(), holdMs: 60_000 }))
  // What it answers now comes after its judgement.
  await guardian.adopt(link)
  group.signal('SIGTERM')
  expect(await ended).toEqual({ type: 'ended', code: null, signal: 'SIGTERM', lost: false, foreground: false })
})
