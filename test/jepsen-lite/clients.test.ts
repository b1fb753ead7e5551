/** Clients of the workloads: what they record of themselves, also when they are frozen or killed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readHistory } from './checker/operations.js'
import type { Recorder } from './clients/client.js'
import { stuckClients } from './clients/finishing.js'
import { SessionHold } from './clients/hold.js'
import { Journal } from './clients/journal.js'
import { RegisterServer } from './clients/register.js'
import { RegisterClient } from './clients/register-client.js'
import { ReportedProcess } from './clients/reported-process.js'
import { History } from './history.js'
import type { HistoryEvent } from './types.js'
import { judgeLocks } from './workloads/judgement.js'

const LOCK = { name: 'x', token: 7 }

let dir: string
let history: History
let recorder: Recorder
let journal: Journal

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-jepsen-'))
  history = new History(join(dir, 'history.jsonl'))
  recorder = {
    record: (entry, time) => history.record('test', entry, time),
    nextProcess: () => history.nextProcess(),
  }
  journal = new Journal(recorder, history.startedAt)
})

afterEach(async () => {
  await history.close()
  rmSync(dir, { recursive: true })
})

const last = (f: string): HistoryEvent | undefined => history.events.findLast((event) => event.f === f)

function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('a journal', () => {
  it('gives up its number after an operation of unknown outcome, so that no process has two open', () => {
    journal.invoke('acquire', { name: 'x' })
    journal.unknown({ reason: 'closed' })
    journal.invoke('acquire', { name: 'x' })
    journal.ok({ token: 7 })
    expect(history.events.map(({ process }) => process)).toEqual([1, 1, 2, 2])
    expect(readHistory(history.events).operations.map(({ outcome }) => outcome)).toEqual(['info', 'ok'])
  })
})

describe('the belief of a session client', () => {
  it('ends when it releases', () => {
    const hold = new SessionHold(journal, LOCK, () => 1_000)
    hold.end('released')
    hold.end('lost')
    expect(history.events).toHaveLength(1)
    expect(last('hold-end')?.value).toMatchObject({ ...LOCK, why: 'released', until: expect.any(Number) })
  })

  it('ended with its lease when it was frozen past it', () => {
    const limit = journal.after(30)
    const hold = new SessionHold(journal, LOCK, () => (limit - journal.now()) / 1e6)
    freeze(60)
    expect(hold.believedUntil()).toBeNull()
    hold.end('deadline')
    const { until } = last('hold-end')?.value ?? {}
    expect(Math.abs(Number(until) - limit)).toBeLessThan(1e6)
  })

  it('makes a loss before its end a violation', () => {
    journal.invoke('acquire', { name: 'x', wait: 0 })
    journal.ok(LOCK)
    new SessionHold(journal, LOCK, () => 1_000).end('lost')
    expect(judgeLocks('test', history.events).map(({ check }) => check)).toEqual(['kept'])
  })
})

describe('a process of clients', () => {
  const say = (type: string, f: string, time: number): string =>
    JSON.stringify({ entry: { type, process: 1, f, value: LOCK }, time })

  function run(...lines: string[]): ReportedProcess {
    const script = `${lines.map((line) => `console.log('${line}')`).join(';')};setTimeout(() => {}, 60_000)`
    return new ReportedProcess(recorder, process.execPath, ['-e', script])
  }

  async function said(count: number): Promise<void> {
    while (history.events.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  it('that is killed leaves operations of unknown outcome, and believes nothing since its last word', async () => {
    const reported = run(say('invoke', 'acquire', 1), say('ok', 'acquire', 2), say('invoke', 'write', 3))
    await said(3)
    reported.child.kill('SIGKILL')
    expect(await reported.ended).toBeNull()
    expect(history.events.slice(3)).toMatchObject([
      { type: 'info', f: 'hold-end', time: 3, value: { ...LOCK, why: 'killed', until: 3 } },
      { type: 'info', f: 'write', time: 3 },
    ])
    readHistory(history.events)
  })

  it('gets a number of the run for each of its own', async () => {
    recorder.nextProcess()
    const reported = run(say('invoke', 'acquire', 1), say('fail', 'acquire', 2))
    await said(2)
    reported.child.kill()
    await reported.ended
    expect(history.events.map((event) => event.process)).toEqual([3, 3])
  })
})

describe('the registers', () => {
  async function writer(
    isFenced: boolean,
  ): Promise<{ first: RegisterClient; second: RegisterClient; end: () => void }> {
    const server = await RegisterServer.open(isFenced)
    const first = await RegisterClient.open(server.port)
    const second = await RegisterClient.open(server.port)
    return { first, second, end: () => server.close() }
  }

  it('without a guard takes the write of a holder who was late, which then lost another one', async () => {
    const { first, second, end } = await writer(false)
    const { version: read } = await first.ask({ f: 'read', name: 'x', token: 1 })
    await second.ask({ f: 'write', name: 'x', token: 2 })
    expect(await first.ask({ f: 'write', name: 'x', token: 1 })).toEqual({ isRefused: false, version: read + 2 })
    end()
  })

  it('with the token refuses whoever is late, from the first sight of a greater one', async () => {
    const { first, second, end } = await writer(true)
    await first.ask({ f: 'read', name: 'x', token: 1 })
    await second.ask({ f: 'read', name: 'x', token: 2 })
    expect(await first.ask({ f: 'write', name: 'x', token: 1 })).toEqual({ isRefused: true, version: 0 })
    expect(await second.ask({ f: 'write', name: 'x', token: 2 })).toEqual({ isRefused: false, version: 1 })
    end()
  })
})

describe('finishing work', () => {
  it('that does not succeed is a violation', () => {
    expect(stuckClients('test', history.events)).toEqual([])
    journal.note('stuck', { error: 'x cannot be had' })
    expect(stuckClients('test', history.events)).toHaveLength(1)
  })
})
