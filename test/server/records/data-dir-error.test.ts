import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/server/exit-codes.js'
import { explainDirectoryError } from '../../../src/server/records/data-dir-error.js'

const LONGEST_NAME_BYTES = 255
const place = mkdtempSync(join(tmpdir(), 'tnl-data-dir-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

function errorOf(action: () => void): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

describe('a data directory that the system refuses', () => {
  it.each([
    ['is a file', () => writeFileSync(join(place, 'file'), ''), 'file/node', 'ENOTDIR'],
    ['is a circle of links', () => symlinkSync('circle', join(place, 'circle')), 'circle/node', 'ELOOP'],
    ['has too long a name', () => undefined, 'n'.repeat(LONGEST_NAME_BYTES + 1), 'ENAMETOOLONG'],
    ['lies where none can be made', () => undefined, '/proc/nowhere', 'ENOENT'],
  ])('is a usage error that names the flag and the path where it %s', (_, prepare, path, code) => {
    prepare()
    const dataDir = path.startsWith('/') ? path : join(place, path)
    const refused = errorOf(() => mkdirSync(dataDir))
    expect(refused).toMatchObject({ code })
    const explained = explainDirectoryError(dataDir, new Error('opening the store failed', { cause: refused }))
    expect(explained).toBeInstanceOf(UsageError)
    expect((explained as Error).message).toContain(`--data-dir ${dataDir}: [Errno `)
  })

  it('is not to blame for a file that is missing in it', () => {
    const missing = errorOf(() => readFileSync(join(place, 'missing')))
    expect(explainDirectoryError(place, missing)).toBe(missing)
  })
})
