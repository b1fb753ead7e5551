import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type GuardedEnd, Guardian } from '../../../src/cli/do/guardian.js'
import { startGuardian } from '../../../src/cli/do/started-guardian.js'
import type { GuardedCommand } from '../../../src/cli/guarding/messages.js'
import { ProcessGroup } from '../../../src/cli/system/process-group.js'
import { allProcesses, maySignal } from '../../../src/cli/system/processes.js'
import { type HoldLimit, instantNow, remainingMs } from '../../../src/client/session/local-lease.js'
import { Link } from '../../../src/client/transport/link.js'
import { compiledPrograms } from '../compiled.js'
import { aCommand } from './a-command.js'

const POLL_MS = 5

const compiled = compiledPrograms()

/** Fields of /proc/PID/stat after the name: the state, then the parent. */
function statOf(processId: number): { state: string; parent: number } {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8')
  const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state, parent: Number(parent) }
}

function maskOf(processId: number, mask: string): string {
  return new RegExp(`^${mask}:\\t(\\w+)$`, 'm').exec(readFileSync(`/proc/${processId}/status`, 'utf8'))?.[1] ?? ''
}

/** Dead ones too, as long as nobody has collected them. */
function childrenOf(processId: number): number[] {
  return allProcesses()
    .filter(({ parent }) => parent === processId)
    .map(({ id }) => id)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(POLL_MS)
}

function guardianOfTest(): Guardian {
  const guardian = new Guardian(startGuardian([], compiled('guardian')))
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
  const guardian = guardianOfTest()
  const link = await openLink()
  // It runs once it has answered; from then on its start takes nothing off the limit.
  await guardian.adopt(link)
  const started = new Promise<number>((resolve) => {
    guardian.onStarted = resolve
  })
  const ended = new Promise<GuardedEnd>((resolve) => {
    guardian.onEnd = resolve
  })
  const limit = { since: instantNow(), holdMs: 5_000 }
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

/** A guardian whose command runs under a limit that ends in `holdMs`, and what it says of the end. */
async function running(
  words: readonly string[],
  holdMs: number,
  other: Partial<GuardedCommand> = {},
): Promise<{ guardian: Guardian; group: ProcessGroup; ended: Promise<GuardedEnd>; renew: (ms: number) => void }> {
  const guardian = guardianOfTest()
  await guardian.adopt(await openLink())
  const started = new Promise<number>((resolve) => {
    guardian.onStarted = resolve
  })
  const ended = new Promise<GuardedEnd>((resolve) => {
    guardian.onEnd = resolve
  })
  guardian.run(aCommand(words, other), { since: instantNow(), holdMs })
  const renew = (ms: number): void => guardian.renew({ since: instantNow(), holdMs: ms })
  return { guardian, group: new ProcessGroup(await started), ended, renew }
}

const FAR_MS = 600_000

describe('the guardian', () => {
  it('kills what the command leaves behind and what ignores SIGTERM', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 0.05; done'
    const { ended } = await running(['sh', '-c', `(${stubborn}) & exit 4`], FAR_MS, { graceMs: 100 })
    expect(await ended).toEqual({ type: 'ended', code: 4, signal: null, lost: false, foreground: false })
  })

  it('asks what the command leaves behind, and stopped processes too, to end before it kills', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tnl-guardian-')), 'asked')
    const job = `trap "echo asked >${file}; exit" TERM; kill -STOP $(exec sh -c 'echo $PPID'); while :; do sleep 0.05; done`
    const stopped = 'until read id name state rest </proc/$!/stat && [ "$state" = T ]; do sleep 0.01; done'
    const { ended } = await running(['sh', '-c', `(${job}) & ${stopped}`], FAR_MS, { graceMs: FAR_MS / 10 })
    // Not because the limit is near: that continues what is stopped, too.
    expect(await ended).toMatchObject({ code: 0, lost: false })
    expect(readFileSync(file, 'utf8')).toBe('asked\n')
    rmSync(file)
  })

  it('continues a stopped command that it asks to end', async () => {
    const { guardian, group, ended } = await running(['sleep', '1000'], FAR_MS, { graceMs: 60_000 })
    group.signal('SIGSTOP')
    await until(() => statOf(group.id).state === 'T')
    guardian.terminate()
    expect(await ended).toMatchObject({ signal: 'SIGTERM', lost: true })
  })

  it('keeps to the limit under which it has asked the command to end, whatever is confirmed later', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 0.05; done'
    const { guardian, group, ended, renew } = await running(['sh', '-c', stubborn], FAR_MS, { graceMs: 1_000 })
    await until(() => (Number.parseInt(maskOf(group.id, 'SigIgn'), 16) & 0x4000) !== 0)
    guardian.terminate()
    renew(FAR_MS)
    expect(await ended).toMatchObject({ signal: 'SIGKILL', lost: true })
  })

  it('goes on with later limits while it ends what a command has left behind', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 0.05; done'
    const { ended, renew } = await running(['sh', '-c', `(${stubborn}) & exit 4`], 2_000, { graceMs: 500 })
    renew(FAR_MS)
    expect(await ended).toMatchObject({ code: 4, lost: false })
  })

  it('collects what comes to it when its parent ends: nothing is left of it, not even a dead entry', async () => {
    const { guardian, group, ended } = await running(
      ['sh', '-c', '(sh -c "sleep 0.1; exec sh -c :" &) ; sleep 1000'],
      FAR_MS,
    )
    const children = (): number[] => childrenOf(statOf(group.id).parent)
    await until(() => children().length > 1)
    await until(() => children().length === 1)
    group.signal('SIGKILL')
    expect(await ended).toMatchObject({ signal: 'SIGKILL', lost: false })
    guardian.dismiss()
  })
})

it('who may not be signalled lives', () => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
  })
  onTestFinished(() => kill.mockRestore())
  const group = new ProcessGroup(4_000_000)
  group.signal('SIGKILL')
  expect([group.exists, maySignal(4_000_000)]).toEqual([true, false])
})
