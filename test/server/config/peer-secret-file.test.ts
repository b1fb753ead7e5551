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
let warnings: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-secret-'))
  file = join(dir, 'secret')
  warnings = []
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = () => PeerSecretFile.open({ file, isRequired: true, warn: (message) => void warnings.push(message) })
const texts = (secrets: PeerSecretFile) => secrets.current().map((secret) => Buffer.from(secret).toString())

describe('the file of peer secrets', () => {
  it('has one a line; spaces, empty lines and Windows ends do not count', async () => {
    writeFileSync(file, `\n  ${A}\r\n\n${B}\n`)
    expect(texts(await open())).toEqual([A, B])
  })

  it.each([
    ['is missing', null, /no such file/],
    ['is empty', '\n', /no secret/],
    ['has a short one', `${A}\nshort\n`, /secret 2 has fewer than 32 characters/],
    ['has too many', `${A}\n`.repeat(17), /more than 16/],
    ['is something else altogether', 'x'.repeat(70_000), /longer than 65536 bytes/],
  ])('that %s is bad usage', async (_what, text, words) => {
    if (text !== null) writeFileSync(file, text)
    const opened = open()
    await expect(opened).rejects.toThrow(UsageError)
    await expect(opened).rejects.toThrow(words)
  })

  it('is in force when it is read again, and an operator is told of a change', async () => {
    writeFileSync(file, A)
    const secrets = await open()
    expect(secrets.files).toEqual([file])
    writeFileSync(join(dir, 'next'), `${B}\n${A}`)
    renameSync(join(dir, 'next'), file)
    expect(texts(secrets)).toEqual([A])
    expect(await secrets.reload()).toBe(true)
    expect(texts(secrets)).toEqual([B, A])
    writeFileSync(file, `\n${B}\n${A}\n`)
    expect(await secrets.reload()).toBe(true)
    expect(warnings).toEqual([`--peer-secret-file ${file} has changed: 2 secrets are accepted now`])
  })

  it('that is bad later changes nothing, and is told of once', async () => {
    writeFileSync(file, A)
    const secrets = await open()
    for (const problem of ['no such file', 'no secret']) {
      if (problem === 'no such file') rmSync(file)
      else writeFileSync(file, '')
      for (let i = 0; i < 3; i++) expect(await secrets.reload()).toBe(false)
      expect(texts(secrets)).toEqual([A])
      expect(warnings.splice(0)).toEqual([expect.stringMatching(`${problem}.*the secrets from before stay in force`)])
    }
    writeFileSync(file, B)
    expect(await secrets.reload()).toBe(true)
    expect(texts(secrets)).toEqual([B])
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
