/** The auth file on its disk: read at the start, and again; a bad one changes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AuthFile } from '../../../src/server/access/auth-file.js'
import { UsageError } from '../../../src/server/exit-codes.js'
import { AUTH_FILE_MAX_BYTES } from '../../../src/server/limits.js'

let folder: string
let file: string
let said: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-auth-'))
  file = join(folder, 'auth.yml')
  said = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const opened = (): Promise<AuthFile> =>
  AuthFile.open({
    file,
    info: (_, message) => void said.push(message),
    warn: (message) => void said.push(message),
  })

const ONE = 'anonymous: { may: { "": see } }\n'
const TWO = 'anonymous: { may: { "": [see, lock] } }\n'

it('keeps a node from starting if it is bad, and says all that is wrong', async () => {
  writeFileSync(file, 'anonymos: {}\npolicies: 5\n')
  await expect(opened()).rejects.toThrow(UsageError)
  await expect(opened()).rejects.toThrow(
    `--auth-file ${file} line 1 column 1: unknown key anonymos (anonymous?)\n${file} line 2 column 11: policies: keys and values are needed here`,
  )
  rmSync(file)
  await expect(opened()).rejects.toThrow(/no such file/)
})

it('is in force anew when it has changed, once', async () => {
  writeFileSync(file, ONE)
  const auth = await opened()
  const first = auth.data.hash
  const changes: string[] = []
  auth.onChange(({ hash }) => changes.push(hash))
  await auth.reload()
  expect(changes).toEqual([])
  writeFileSync(file, TWO)
  await auth.reload()
  expect(changes).toEqual([auth.data.hash])
  expect(auth.data.hash).not.toBe(first)
  expect(said.filter((message) => message.includes('is in force'))).toHaveLength(2)
})

it('leaves in force what was before if it is bad now, and tells until it is mended', async () => {
  writeFileSync(file, ONE)
  const auth = await opened()
  const { data } = auth
  auth.onChange(() => expect.fail('nothing is to change'))
  for (const bad of ['nonsense: 1\n', '']) {
    writeFileSync(file, bad)
    await auth.reload()
    expect(auth.data).toBe(data)
    expect(auth.isBad).toBe(true)
  }
  expect(auth.failures).toBe(2)
  // It is tried again from time to time, and that is no news.
  expect(await auth.reload()).toBe(false)
  expect(auth.failures).toBe(2)
  expect(said.at(-2)).toContain(`what was in force before stays so (${data.hash})`)
  writeFileSync(file, ONE)
  await auth.reload()
  expect([auth.isBad, auth.failures]).toEqual([false, 2])
  expect(said.at(-1)).toMatch(/is in force$/)
})

it('is not read without end', async () => {
  writeFileSync(file, `${ONE}#${'x'.repeat(AUTH_FILE_MAX_BYTES)}`)
  await expect(opened()).rejects.toThrow(`longer than ${AUTH_FILE_MAX_BYTES} bytes`)
})

it('is text', async () => {
  writeFileSync(file, Buffer.from([0x61, 0x3a, 0xff, 0xfe]))
  await expect(opened()).rejects.toThrow(/not valid/)
})
