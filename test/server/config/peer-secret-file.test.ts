import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseServerConfig } from '../../../src/server/config/config.js'
import { PeerSecretFile } from '../../../src/server/config/peer-secret-file.js'
import { UsageError } from '../../../src/server/exit-codes.js'

const [A, B] = ['a'.repeat(32), 'b'.repeat(40)] as const
let dir = ''
let file = ''
let nowMs = 0
let warnings: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-secret-'))
  file = join(dir, 'secret')
  warnings = []
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = () =>
  new PeerSecretFile({
    file,
    isRequired: true,
    clock: { takerNow: () => nowMs },
    warn: (message) => void warnings.push(message),
  })
const texts = (secrets: PeerSecretFile) => secrets.current().map((secret) => Buffer.from(secret).toString())

describe('the file of peer secrets', () => {
  it('has one a line; spaces, empty lines and Windows ends do not count', () => {
    writeFileSync(file, `\n  ${A}\r\n\n${B}\n`)
    expect(texts(open())).toEqual([A, B])
  })

  it.each([
    ['is missing', null, /no such file/],
    ['is empty', '\n', /no secret/],
    ['has a short one', `${A}\nshort\n`, /secret 2 has fewer than 32 characters/],
    ['has too many', `${A}\n`.repeat(17), /more than 16/],
    ['is something else altogether', 'x'.repeat(70_000), /too long/],
  ])('that %s is bad usage', (_what, text, words) => {
    if (text !== null) writeFileSync(file, text)
    expect(open).toThrow(UsageError)
    expect(open).toThrow(words)
  })

  it('is read again when it changes, and not more than once a second', () => {
    writeFileSync(file, A)
    const secrets = open()
    writeFileSync(join(dir, 'next'), `${B}\n${A}`)
    renameSync(join(dir, 'next'), file)
    expect(texts(secrets)).toEqual([A])
    nowMs += 1_000
    expect(texts(secrets)).toEqual([B, A])
    expect(warnings).toHaveLength(1)
  })

  it('that is bad later changes nothing, and is told of once', () => {
    writeFileSync(file, A)
    const secrets = open()
    rmSync(file)
    for (let i = 0; i < 3; i++) {
      nowMs += 1_000
      expect(texts(secrets)).toEqual([A])
    }
    expect(warnings).toHaveLength(1)
  })
})

describe('the settings', () => {
  const beyond = ['--peer-listen', '0.0.0.0:7655']
  const parse = (...words: string[]) => {
    const parsed = parseServerConfig(words, {})
    if (parsed.kind !== 'run') throw new Error('no configuration')
    return parsed
  }
  const isWarned = (warning: RegExp, ...words: string[]) => parse(...words).warnings.some((one) => warning.test(one))

  it('warn of a peer port beyond this machine until a secret is asked of everybody', () => {
    expect(isWarned(/not authenticated/, ...beyond)).toBe(true)
    expect(isWarned(/without a secret/, ...beyond, '--peer-secret-file', 'x', '--peer-secret', 'optional')).toBe(true)
    expect(isWarned(/authenticated|secret/, ...beyond, '--peer-secret-file', 'x')).toBe(false)
    expect(parse('--peer-secret-file', 'x').config.isPeerSecretRequired).toBe(true)
  })

  it('refuse a use without a file, and another word', () => {
    expect(() => parse('--peer-secret', 'optional')).toThrow(/needs --peer-secret-file/)
    expect(() => parse('--peer-secret-file', 'x', '--peer-secret', 'maybe')).toThrow(UsageError)
  })
})
