/** The audit: what its lines say, and that nothing that happens to its disk ends the node. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AuditFile } from '../../../src/server/access/audit-file.js'
import { UsageError } from '../../../src/server/exit-codes.js'
import { AUDIT_ACTION_MAX_CHARS, LOG_REPEATS_MAX_COUNT, LOG_REPEATS_WINDOW_MS } from '../../../src/server/limits.js'
import { type Caller, nobody } from '../../../src/service/access/caller.js'
import { VirtualTime } from '../../../src/testing/virtual-time.js'
import { settle } from '../../kit/settle.js'

let folder: string
let file: string
let time: VirtualTime
let warnings: string[]
let audit: AuditFile | null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-audit-'))
  file = join(folder, 'audit.jsonl')
  time = new VirtualTime()
  warnings = []
  audit = null
})
afterEach(async () => {
  await audit?.close()
  rmSync(folder, { recursive: true })
})

/** The disk has done what it was told. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle()
}

function opened(path = file): AuditFile {
  audit = new AuditFile({
    file: path,
    nodeId: 'n1',
    wantsGrants: false,
    clock: {
      takerNow: () => time.nowMs,
      wallNow: () => 1_700_000_000_000 + time.nowMs,
      after: (ms, run) => time.after(ms, run),
    },
    warn: (message) => void warnings.push(message),
  })
  return audit
}

const lines = (path = file): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    // What follows the last line end is still being written.
    .slice(0, -1)
    .map((line) => JSON.parse(line))

const ci: Caller = { id: 'ci', proof: 'token', evidence: `1234567890${'a'.repeat(54)}`, isLocal: true }
const freeze = { caller: ci, remote: '10.0.0.1:5', action: '.freeze', name: 'db/', result: 'done' } as const

it('has a line for each thing, with who did it and how that was proven', async () => {
  const it = opened()
  it.record({ ...freeze, reason: 'release\nweek' })
  it.record({
    caller: { ...ci, proof: 'certificate', evidence: 'spiffe://ci' },
    remote: 'h:1',
    action: 'lock',
    name: 'x',
    token: 7,
    result: 'done',
  })
  it.record({ caller: nobody(false), remote: 'h:2', action: 'GET /metrics', result: 'refused', reason: 'no' })
  await it.close()
  const head = { time: '2023-11-14T22:13:20.000Z', node: 'n1' }
  expect(lines()).toEqual([
    {
      ...head,
      identity: 'ci',
      proof: 'token 12345678',
      address: '10.0.0.1:5',
      action: '.freeze',
      name: 'db/',
      result: 'done',
      reason: 'release\nweek',
    },
    {
      ...head,
      identity: 'ci',
      proof: 'certificate spiffe://ci',
      address: 'h:1',
      action: 'lock',
      name: 'x',
      token: 7,
      result: 'done',
    },
    { ...head, address: 'h:2', action: 'GET /metrics', result: 'refused', reason: 'no' },
  ])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

it('says the same refusal a few times, and then how often and from where', async () => {
  const it = opened()
  const refused = { ...freeze, result: 'refused', reason: 'may not' } as const
  for (let each = 0; each < LOG_REPEATS_MAX_COUNT + 3; each += 1) it.record({ ...refused, remote: `10.0.0.${each}:1` })
  for (let each = 0; each < LOG_REPEATS_MAX_COUNT + 3; each += 1) it.record(freeze)
  for (let event = time.next(LOG_REPEATS_WINDOW_MS); event !== null; ) {
    event.run?.()
    event = time.next(LOG_REPEATS_WINDOW_MS)
  }
  await it.close()
  const count = (result: string): number => lines().filter((line) => line.result === result).length
  expect(count('done')).toBe(LOG_REPEATS_MAX_COUNT + 3)
  expect(count('refused')).toBe(LOG_REPEATS_MAX_COUNT + 1)
  expect(lines().at(-1)).toMatchObject({
    action: 'repeated',
    reason: 'ci .freeze: may not',
    times: 3,
    addresses: ['10.0.0.5', '10.0.0.6', '10.0.0.7'],
  })
})

it('says how often also of what began while another refusal was being counted', async () => {
  const it = opened()
  const refused = { ...freeze, result: 'refused' } as const
  it.record({ ...refused, reason: 'first' })
  time.after(LOG_REPEATS_WINDOW_MS / 2, () => {
    for (let each = 0; each < LOG_REPEATS_MAX_COUNT + 3; each += 1) it.record({ ...refused, reason: 'second' })
  })
  for (let event = time.next(3 * LOG_REPEATS_WINDOW_MS); event !== null; ) {
    event.run?.()
    event = time.next(3 * LOG_REPEATS_WINDOW_MS)
  }
  await until(() => lines().some(({ action }) => action === 'repeated'))
  expect(lines().at(-1)).toMatchObject({ action: 'repeated', reason: 'ci .freeze: second', times: 3 })
})

it('is not filled by long paths that a stranger makes up', async () => {
  const it = opened()
  it.record({ caller: nobody(false), remote: 'h:1', action: `GET /v1/locks/${'x'.repeat(16_000)}`, result: 'refused' })
  await it.close()
  const [line] = lines()
  expect(String(line?.action)).toMatch(/^GET \/v1\/locks\/x+…$/)
  expect(String(line?.action).length).toBeLessThanOrEqual(AUDIT_ACTION_MAX_CHARS + 1)
})

it('takes one thread of few where the new file cannot be opened for now, however often it is asked to', async () => {
  const it = opened()
  it.record(freeze)
  await until(() => existsSync(file) && lines().length === 1)
  renameSync(file, `${file}.1`)
  // Whoever opens a named pipe waits for somebody who reads.
  execFileSync('mkfifo', [file])
  for (let asked = 0; asked < 20; asked += 1) it.reopen()
  await stat(folder)
  it.record({ ...freeze, name: 'b' })
  await until(() => lines(`${file}.1`).length === 2)
  // As often as it was asked meanwhile, it is opened once more.
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  await until(() => {
    it.record({ ...freeze, name: 'c' })
    try {
      return readSync(reader, Buffer.alloc(65_536)) > 0
    } catch {
      return false
    }
  })
  await it.close()
  closeSync(reader)
})

it('goes on in a new file when it is opened again', async () => {
  const it = opened()
  it.record({ ...freeze, name: 'a' })
  await until(() => existsSync(file) && lines().length === 1)
  renameSync(file, `${file}.1`)
  it.reopen()
  await until(() => {
    it.record({ ...freeze, name: 'b' })
    return existsSync(file) && lines().length > 0
  })
  await it.close()
  expect(lines(`${file}.1`)[0]).toMatchObject({ name: 'a' })
  expect(lines().every(({ name }) => name === 'b')).toBe(true)
})

it('keeps to the file that it has if no other can be opened', async () => {
  const it = opened()
  const elsewhere = `${folder}.gone`
  renameSync(folder, elsewhere)
  it.reopen()
  await until(() => warnings.length > 0)
  renameSync(elsewhere, folder)
  expect(warnings.join()).toContain('the file from before is written on')
  it.record(freeze)
  await it.close()
  expect(lines()).toHaveLength(1)
})

it('loses lines where the disk is full, counts them, and says so once', async () => {
  const it = opened('/dev/full')
  for (const name of ['a', 'b', 'c']) {
    it.record({ ...freeze, name })
    await until(() => it.lostLines === ['a', 'b', 'c'].indexOf(name) + 1)
  }
  await it.close()
  expect(it.lostLines).toBe(3)
  expect(warnings).toEqual([expect.stringMatching(/ENOSPC.*: what is done now is not written down$/)])
})

it('cannot be opened where there is no folder: the node does not start', () => {
  expect(() => opened(join(folder, 'none', 'audit'))).toThrow(UsageError)
})
