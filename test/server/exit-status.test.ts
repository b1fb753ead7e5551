import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../src/invariant.js'
import { BindError } from '../../src/raft/net/network.js'
import { RemovedFromCluster } from '../../src/raft/node/node-errors.js'
import { OlderProgramError } from '../../src/raft/ports/older-program.js'
import { ForgottenError, StoreError } from '../../src/raft/ports/store.js'
import { parseCommandLine } from '../../src/server/config/options.js'
import { UsageError } from '../../src/server/exit-codes.js'
import { exitStatusOf } from '../../src/server/exit-status.js'
import { TwinError } from '../../src/service/leases/twin-error.js'

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))

describe('the exit status of a server', () => {
  it.each<[number, string, unknown]>([
    [0, 'the node was removed from the cluster', new RemovedFromCluster()],
    [2, 'bad usage', new UsageError('--lease 1: too short')],
    [2, 'an address that cannot be bound', new BindError('--peer-listen', 'h:1', new Error('in use'))],
    [2, 'a directory in use', new StoreError('locked', 'in use')],
    [3, 'a full disk', new StoreError('disk-full', 'full')],
    [3, 'a disk that fails or hangs', new StoreError('io', 'sync failed')],
    [3, 'a broken invariant', new InvariantViolation('apply: entry 7 after 5')],
    [3, 'what nobody thought of', 'a string'],
    [4, 'a damaged directory', new StoreError('damaged', 'log/')],
    [4, "another node's directory", new StoreError('foreign', 'of n2')],
    [4, 'a directory that has forgotten', new ForgottenError('n2 says so')],
    [4, 'a second process of this node', new TwinError('n1', 77)],
    [5, 'a program older than its cluster', new OlderProgramError('level 2 is in force, and it knows level 1')],
  ])('is %d after %s', (status, _what, error) => {
    expect(exitStatusOf(error)).toBe(status)
  })

  it('is explained by --help', () => {
    const help = parseCommandLine(['--help'])
    if (help.kind !== 'print') throw new Error('not printed')
    for (const status of [0, 2, 3, 4, 5]) expect(help.text).toMatch(new RegExp(`^  ${status}  \\S.{20,}$`, 'm'))
  })

  it('is decided at the top: nothing below knows a number', () => {
    const below = ['raft', 'locks', 'protocol', 'service'].flatMap((ring) =>
      readdirSync(join(SOURCES, ring), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(SOURCES, ring, file)),
    )
    expect(below.length).toBeGreaterThan(100)
    const numbers = /\bexit(Code|Status)\b|\bEXIT_[A-Z]+\b|\bprocess\.exit/
    expect(below.filter((file) => numbers.test(readFileSync(file, 'utf8')))).toEqual([])
  })
})
