import { CommanderError } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { lockNameOf } from '../../../src/cli/do/lock-name.js'
import { type DoOptions, readDoOptions } from '../../../src/cli/do/options.js'

vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), writeSync: () => 0 }))

const read = (line: string, env: Record<string, string> = {}): DoOptions => readDoOptions(line.split(' '), env)

describe('the lock name made from the command', () => {
  it.each([
    [['sleep', '10'], 'sleep_10'],
    [['./manage.py', 'migrate'], 'manage_py_migrate'],
    [['/usr/bin/env', 'x'], 'usr_bin_env_x'],
    [['sh', '-c', 'echo "hi" > /tmp/f'], 'sh_-c_echo_hi___tmp_f'],
    [['...'], ''],
    [['../x', '..'], 'x'],
    [['ä'], ''],
  ])('of %j is %j', (command, name) => {
    expect(lockNameOf(command)).toBe(name)
  })
})

describe('what is asked for', () => {
  const asks = (line: string): unknown => read(line).asks

  it('is each --lock-name as it says, or as the line does', () => {
    expect(asks('--shared --lock-name a --lock-name b@exclusive --lock-name c@2/5 ls')).toEqual([
      { name: 'a', amount: 'shared' },
      { name: 'b', amount: 'exclusive' },
      { name: 'c', amount: { permits: 2, limit: 5 } },
    ])
    expect(asks('--limit 4 ls')).toEqual([{ name: 'ls', amount: { permits: 1, limit: 4 } }])
    expect(asks('--limit 4 --permits 3 --lock-name x ls')).toEqual([{ name: 'x', amount: { permits: 3, limit: 4 } }])
  })

  it('is the key of --once where no lock is named', () => {
    expect(asks('--once k --once-ttl 1.5 ls')).toEqual([{ name: 'k', amount: 'exclusive' }])
    expect(read('--once k --once-ttl 1.5 ls').terms).toMatchObject({ once: 'k', onceTtlMs: 1_500 })
    expect(asks('--once k --lock-name x ls')).toEqual([{ name: 'x', amount: 'exclusive' }])
  })

  it('is 64 names at most', () => {
    const names = (count: number): string =>
      Array.from({ length: count }, (_, index) => `--lock-name n${index}`).join(' ')
    expect(read(`${names(64)} ls`).asks).toHaveLength(64)
    expect(() => read(`${names(65)} ls`)).toThrow(CommanderError)
  })

  it('has the terms of the line', () => {
    const { terms } = read('--min-hold 60 --delay 5 --ttl 0.5 --meta m ls')
    expect(terms).toMatchObject({ minHoldMs: 60_000, delayMs: 5_000, ttlMs: 500, meta: 'm' })
  })
})

describe('options', () => {
  it('end at the first word that is none', () => {
    const options = read('--lock-name x ls --wait 3 -- -l')
    expect([options.file, options.wordCount, options.waitMs]).toEqual(['ls', 5, 0])
    expect(read('--lock-name x -- -weird --wait 3').file).toBe('-weird')
  })

  it('have the documented defaults', () => {
    const options = read('ls')
    expect(options).toMatchObject({ waitMs: 0, retries: 0, retryWaitMs: 10_000, graceMs: 2_000 })
    expect(options).toMatchObject({ asks: [{ name: 'ls', amount: 'exclusive' }], conflictStatus: 123, lostStatus: 122 })
    expect(options).toMatchObject({ result: null, isLocal: false, hooks: { beforeLock: [], alreadyLocked: [] } })
    expect(options.session).toMatchObject({
      leaseMs: 10_000,
      lingerMs: 10_000,
      reachMs: 10_000,
      keepAliveMs: undefined,
    })
    expect(options.onLost).toEqual({ kind: 'terminate' })
  })

  it('read times in seconds and signals by name', () => {
    const options = read('--wait forever --lease 60 --grace 1.5 --linger 2 --on-lost signal:USR1 --retry-wait 0.5 ls')
    expect([options.waitMs, options.graceMs, options.retryWaitMs]).toEqual([Number.POSITIVE_INFINITY, 1_500, 500])
    expect([options.session.leaseMs, options.session.lingerMs]).toEqual([60_000, 60_000])
    expect(read('--linger 90 ls').session.lingerMs).toBe(90_000)
    expect(options.onLost).toEqual({ kind: 'signal', signal: 'SIGUSR1' })
  })

  it('wait for a node as long as for the lock; who does not wait hears at once that nobody listens', () => {
    expect(read('ls').session).toMatchObject({ reachMs: 10_000, resumeMs: 10_000, refusalIsFinal: true })
    expect(read('--wait 60 ls').session).toMatchObject({ reachMs: 10_000, resumeMs: 60_000, refusalIsFinal: false })
    expect(read('--wait forever ls').session.resumeMs).toBe(Number.POSITIVE_INFINITY)
    expect(read('--reach 0.5 ls').session).toMatchObject({ reachMs: 500, refusalIsFinal: false })
    expect(read('--reach forever ls').session.reachMs).toBe(Number.POSITIVE_INFINITY)
    expect(read('ls', { TNL_REACH: 'forever' }).session.reachMs).toBe(Number.POSITIVE_INFINITY)
    expect(read('--reach 3 ls', { TNL_REACH: '7' }).session.reachMs).toBe(3_000)
  })

  it.each(['31622401', '99999999999999999999', '1e400'])('refuse to wait %s seconds', (wait) => {
    expect(() => read(`--wait ${wait} ls`)).toThrow(CommanderError)
  })

  it('refuse a TNL_REACH that is no time', () => {
    expect(() => read('ls', { TNL_REACH: 'soon' })).toThrow(CommanderError)
  })

  it('give one word to the shell', () => {
    expect(readDoOptions(['--shell', 'a | b'], {})).toMatchObject({ file: '/bin/sh', wordCount: 1, shell: true })
  })

  it('take the endpoints in the documented order', () => {
    const env = { TNL_ENDPOINTS: 'e:1', TCPNETLOCK_HOST: 'c', TCPNETLOCK_PORT: '2' }
    const hosts = (line: string): string[] =>
      read(line, env).session.endpoints.map(({ host, port }) => `${host}:${port}`)
    expect(hosts('--endpoints a:1,b:2 --host h ls')).toEqual(['a:1', 'b:2'])
    expect(hosts('--host h ls')).toEqual(['h:2'])
    expect(hosts('--port 9 ls')).toEqual(['c:9'])
    expect(hosts('ls')).toEqual(['e:1'])
  })

  it('name the holder', () => {
    expect(read('--client-id me@here ls').session.clientId).toBe('me@here')
    expect(read('ls', { TCPNETLOCK_CLIENT_ID: 'env' }).session.clientId).toBe('env')
    expect(read('ls').session.clientId).toMatch(/^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+\.\d+$/)
  })

  it.each([
    '',
    '--lock-name x',
    '--nonsense ls',
    '--shell a b',
    '--lease 2 ls',
    '--lease 86401 ls',
    '--lease 10 --grace 2.6 ls',
    '--wait -1 ls',
    '--wait soon ls',
    '--retry 1.5 ls',
    '--port 70000 ls',
    '--endpoints a:b ls',
    '--client-id a,b ls',
    '--lock-name .x ls',
    '--on-lost pray ls',
    '--on-lost signal:NOPE ls',
    '...',
    '--shared --limit 2 ls',
    '--permits 1 ls',
    '--permits 0 --limit 2 ls',
    '--permits 3 --limit 2 ls',
    '--limit 0 ls',
    '--limit 1000001 ls',
    '--lock-name x --lock-name x@shared ls',
    '--lock-name x@ ls',
    '--lock-name x@shard ls',
    '--lock-name x@0/2 ls',
    '--lock-name x@3/2 ls',
    '--lock-name x@1/2/3 ls',
    '--once a,b ls',
    '--once-ttl 5 ls',
    '--once k --once-ttl 0 ls',
    '--min-hold 0 ls',
    '--min-hold 86401 ls',
    '--delay 86401 ls',
    '--ttl 2592001 ls',
    '--conflict-exit-code 256 ls',
    '--lost-exit-code -1 ls',
    '--local --shared ls',
    '--local --lock-name x@1/2 ls',
    '--local --once k ls',
    '--local --endpoints a:1 ls',
  ])('refuse %j', (line) => {
    expect(() => read(line)).toThrow(CommanderError)
  })
})
