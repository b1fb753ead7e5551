/** The units of `deploy/systemd`: by systemd itself where it is, and what it would start, started. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseServerConfig } from '../../src/server/config/config.js'
import { ExitCode } from '../../src/server/exit-codes.js'
import { STOP_MAX_MS } from '../../src/server/limits.js'
import { OneServer } from '../kit/one-server.js'
import { builtProgram } from '../kit/process-cluster.js'

const UNITS = fileURLToPath(new URL('../../deploy/systemd', import.meta.url))
const TIMEOUT_MS = 60_000
/** Of 10; what systemd itself calls "OK" ends at 4. */
const EXPOSURE_MAX = 2

const unit = (name: string): string => readFileSync(join(UNITS, name), 'utf8')

/** All values of a key, of the whole unit. */
function values(name: string, key: string): readonly string[] {
  return [...unit(name).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

it('docs/operations/systemd.md shows settings that a node starts with', () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/operations/systemd.md', import.meta.url)), 'utf8')
  const [, settings = ''] = /<!-- settings -->\n```yaml\n([\s\S]*?)```/.exec(page) ?? []
  const dir = mkdtempSync(join(tmpdir(), 'tnl-settings-'))
  const file = join(dir, 'tcpnetlock.yaml')
  writeFileSync(file, settings)
  const parsed = parseServerConfig(['--config', file], { TNL_DATA_DIR: '/var/lib/tnl' })
  rmSync(dir, { recursive: true })
  expect(parsed).toMatchObject({ kind: 'run', config: { nodeId: 'n1', dataDir: '/var/lib/tnl' } })
  // Where the unit looks for it, and what it may write to.
  expect(values('tcpnetlock.service', 'ExecStart').join()).toContain('--config %E/tcpnetlock.yaml')
  for (const [key, path] of [
    ['StateDirectory', '/var/lib'],
    ['ConfigurationDirectory', '/etc'],
    ['LogsDirectory', '/var/log'],
  ]) {
    expect(page).toContain(`\`${path}/${values('tcpnetlock.service', key ?? '').join()}\``)
  }
})

describe('tcpnetlock.service', () => {
  const value = (key: string): string => values('tcpnetlock.service', key).at(-1) ?? ''

  it('starts again what may go better the next time, and nothing else', () => {
    const prevented = value('RestartPreventExitStatus').split(' ').map(Number)
    const { ok, failed, ...hopeless } = ExitCode
    expect(prevented.sort()).toEqual(Object.values(hopeless).sort())
    // `on-failure` leaves 0 alone, and takes `failed` and every signal.
    expect([value('Restart'), prevented.includes(ok), prevented.includes(failed)]).toEqual(['on-failure', false, false])
    expect(value('StartLimitIntervalSec')).toBe('0')
  })

  it('lets it stop in good order, and lets it have descriptors', () => {
    expect(Number(value('TimeoutStopSec')) * 1_000).toBeGreaterThan(STOP_MAX_MS)
    expect(Number(value('LimitNOFILE'))).toBeGreaterThan(20_000)
    expect(value('ExecReload')).toMatch(/-HUP/)
  })

  it('forbids what it can, but not what Node.js and the table of connections need', () => {
    expect(values('tcpnetlock.service', 'MemoryDenyWriteExecute')).toEqual([])
    expect(value('ProcSubset')).toBe('all')
    expect(value('RestrictAddressFamilies').split(' ')).toEqual(expect.arrayContaining(['AF_INET', 'AF_INET6']))
    expect(value('SystemCallErrorNumber')).toBe('EPERM')
  })
})

const isThere = spawnSync('systemd-analyze', ['--version']).status === 0
if (!isThere) console.warn('SKIPPED: systemd-analyze is not here, so the units are not verified')

describe.runIf(isThere)('systemd', () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-units-'))
    // It wants to see the program that a unit names.
    const program = join(dir, 'tnl-server')
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o755)
    for (const name of readdirSync(UNITS)) {
      if (/\.(?:service|timer)$/.test(name)) {
        writeFileSync(join(dir, name), unit(name).replace('/usr/bin/tnl-server', program))
      }
    }
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  const analyze = (...words: readonly string[]): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['--no-pager', ...words], {
      encoding: 'utf8',
      cwd: dir,
    })
    return { status, said: stdout + stderr }
  }

  it.each(['tcpnetlock.service', 'tcpnetlock-backup.service', 'tcpnetlock-backup.timer'])('verifies %s', (name) => {
    const { status, said } = analyze('verify', '--man=no', join(dir, name))
    // What it says of other units of this machine is none of ours.
    const ours = said.split('\n').filter((line) => line.includes('tcpnetlock'))
    expect({ status, ours }).toEqual({ status: 0, ours: [] })
  })

  it.each(['tcpnetlock.service', 'tcpnetlock-backup.service'])('finds %s well closed', (name) => {
    const { said } = analyze('security', '--offline=true', join(dir, name))
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(said)?.[1])
    expect(exposure, said).toBeLessThanOrEqual(EXPOSURE_MAX)
    expect(exposure).toBeGreaterThan(0)
  })

  it('knows when the timer is due', () => {
    const { status, said } = analyze('calendar', values('tcpnetlock-backup.timer', 'OnCalendar').join())
    expect({ status, said }).toEqual({ status: 0, said: expect.stringMatching(/Next elapse/) })
  })
})

describe('tcpnetlock-backup.service', { timeout: TIMEOUT_MS }, () => {
  let server: OneServer
  let dir: string
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-backups-'))
    server = await OneServer.start()
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  /** As systemd reads the line: one word in single quotes, `%%` and `$$` for the characters themselves. */
  function start(): { status: number | null; stderr: string } {
    const [line = ''] = values('tcpnetlock-backup.service', 'ExecStart')
    const [, program = '', flags = '', script = ''] = /^(\S+) (\S+) '(.*)'$/.exec(line) ?? []
    const bin = join(dir, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'tnl'), `#!/bin/sh\nexec '${process.execPath}' '${builtProgram('tnl')}' "$@"\n`)
    chmodSync(join(bin, 'tnl'), 0o755)
    const set = Object.fromEntries(values('tcpnetlock-backup.service', 'Environment').map((each) => each.split('=')))
    const env = { ...set, PATH: `${bin}:/usr/bin:/bin`, STATE_DIRECTORY: join(dir, 'state'), ...server.env, KEEP: '3' }
    return spawnSync(program, [flags, script.replaceAll('%%', '%').replaceAll('$$', '$')], { env, encoding: 'utf8' })
  }

  it('keeps the newest, and nothing of others is touched', () => {
    const state = join(dir, 'state')
    mkdirSync(state)
    const old = Array.from({ length: 5 }, (_, day) => `tnl-2026010${day}T030000Z`)
    for (const name of [...old, 'tnl-by-hand']) writeFileSync(join(state, name), '')
    expect(start()).toMatchObject({ status: 0 })
    const saved = expect.stringMatching(/^tnl-20\d{6}T\d{6}Z$/)
    expect(readdirSync(state).sort()).toEqual([...old.slice(-2), saved, 'tnl-by-hand'])
  })

  it('removes none where none could be saved', async () => {
    await server.stop()
    const before = readdirSync(join(dir, 'state'))
    expect(start().status).not.toBe(0)
    expect(readdirSync(join(dir, 'state'))).toEqual(before)
  })
})
