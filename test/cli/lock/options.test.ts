/** What `tnl lock` is told: every kind of mistake has consul-lock's exit status. */
import { describe, expect, it } from 'vitest'
import { type LockFlags, readLockRequest } from '../../../src/cli/lock/options.js'
import { pythonJson } from '../../../src/cli/lock/python-json.js'
import { CommandFailure } from '../../../src/cli/shared/command-failure.js'
import { LockExit } from '../../../src/cli/shared/exit-statuses.js'

const DAY_MS = 86_400_000

function statusOf(key: string, flags: LockFlags, env: Record<string, string> = {}): number {
  try {
    readLockRequest(key, flags, env)
    return LockExit.ok
  } catch (error) {
    if (error instanceof CommandFailure) return error.exitCode
    throw error
  }
}

describe('a lock request', () => {
  it.each<[LockFlags, object]>([
    [{}, { waitMs: Number.POSITIVE_INFINITY, ttlMs: null, metadata: null, meta: undefined, verbosity: 0 }],
    [
      { timeout: '0', sessionTtl: '0' },
      { waitMs: Number.POSITIVE_INFINITY, ttlMs: null },
    ],
    [
      { timeout: '1.5', ttl: '.25' },
      { waitMs: 1_500, ttlMs: 250 },
    ],
    [{ timeout: '5.', nonBlocking: true, i: '0.1' }, { waitMs: 0 }],
    [{ sessionTtl: '10' }, { ttlMs: 10_000 }],
    [
      { sessionTtl: '8.64e4', verbose: 2 },
      { ttlMs: DAY_MS, verbosity: 2 },
    ],
    [{ ttl: '2592000' }, { ttlMs: 30 * DAY_MS }],
    [{ metadata: ' {"a": [1, "\\u0085é"]} ' }, { metadata: { a: [1, '\u0085é'] }, meta: '{"a":[1,"\\u0085é"]}' }],
    [{ metadata: 'null' }, { metadata: null, meta: 'null' }],
    [{ onBeforeLock: ['./a', './b'] }, { hooks: { beforeLock: ['./a', './b'], alreadyLocked: [] } }],
  ])('%j', (flags, request) => {
    expect(readLockRequest('a/b', flags, {})).toMatchObject(request)
  })

  it.each<[string, LockFlags, number]>([
    ['a', { timeout: 'soon' }, LockExit.badUsage],
    ['a', { timeout: '-1' }, LockExit.badUsage],
    ['a', { timeout: '1e99' }, LockExit.badUsage],
    ['a', { i: 'often' }, LockExit.badUsage],
    ['a', { metadata: '{"a"' }, LockExit.badUsage],
    ['a', { metadata: `"${'x'.repeat(4_096)}"` }, LockExit.badUsage],
    ['a', { verbose: 3 }, LockExit.badUsage],
    ['a', { reach: 'far' }, LockExit.badUsage],
    ['a', { clientId: 'a b' }, LockExit.badUsage],
    ['a', { endpoints: 'n1:0' }, LockExit.badUsage],
    ['a', { sessionTtl: 'long' }, LockExit.badUsage],
    ['a', { sessionTtl: '60', ttl: '60' }, LockExit.badUsage],
    ['a', { sessionTtl: '9.9' }, LockExit.invalidTtl],
    ['a', { sessionTtl: '86401' }, LockExit.invalidTtl],
    ['a', { ttl: '0' }, LockExit.invalidTtl],
    ['a', { ttl: '-1' }, LockExit.invalidTtl],
    ['a', { ttl: 'long' }, LockExit.invalidTtl],
    ['a', { ttl: '' }, LockExit.invalidTtl],
    ['a', { ttl: '2592001' }, LockExit.invalidTtl],
    ['', {}, LockExit.invalidKey],
    ['a b', {}, LockExit.invalidKey],
    ['a//b', {}, LockExit.invalidKey],
    ['a/', {}, LockExit.invalidKey],
    ['a/../b', {}, LockExit.invalidKey],
    ['a/./b', {}, LockExit.invalidKey],
    ['/a', {}, LockExit.invalidKey],
    ['x'.repeat(256), {}, LockExit.invalidKey],
    // As consul-lock, which looks at its arguments first, then at variables, the ttl and the key.
    ['a//b', { ttl: '0', timeout: 'soon' }, LockExit.badUsage],
    ['a//b', { ttl: '0' }, LockExit.invalidTtl],
  ])('%s %j ends with %i', (key, flags, status) => {
    expect(statusOf(key, flags)).toBe(status)
  })

  it.each([{ TNL_ENDPOINTS: 'n1:x' }, { TNL_REACH: 'far' }, { TCPNETLOCK_CLIENT_ID: 'a b' }, { TCPNETLOCK_PORT: '0' }])(
    'a wrong variable %j ends with 2',
    (env) => {
      expect(statusOf('a//b', { ttl: '0' }, env)).toBe(LockExit.badVariable)
    },
  )
})

describe('JSON as Python writes it', () => {
  it.each([
    [null, 'null'],
    [['b', 'a'], '["b", "a"]'],
    [[], '[]'],
    [{ b: 1, a: { d: [1.5, true], c: 'ü\n' } }, '{"a": {"c": "\\u00fc\\n", "d": [1.5, true]}, "b": 1}'],
    ['\u{1f600}\u007f', '"\\ud83d\\ude00\\u007f"'],
  ])('%j', (value, text) => {
    expect(pythonJson(value)).toBe(text)
    expect(JSON.parse(text)).toEqual(value)
  })
})
