/** Files that are read again: when they are, and when not. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WatchedFiles } from '../../../src/server/config/watched-files.js'

let folder: string
let file: string
let reads: number
let files: WatchedFiles

/** The looks of the clock are the test's own. */
const noClock = { after: () => ({ cancel: () => undefined }) }

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-watched-'))
  file = join(folder, 'file')
  writeFileSync(file, 'first')
  reads = 0
  files = new WatchedFiles(noClock)
  await files.add({
    files: [file],
    reload: async () => {
      reads += 1
    },
  })
})
afterEach(() => rmSync(folder, { recursive: true }))

it('a file that stays as it is is not read again', async () => {
  await files.look()
  await files.look()
  expect(reads).toBe(0)
})

it('a change is read once, when it has been the same for two looks', async () => {
  writeFileSync(file, 'half of')
  await files.look()
  expect(reads).toBe(0)
  writeFileSync(file, 'half of the second')
  await files.look()
  expect(reads).toBe(0)
  await files.look()
  expect(reads).toBe(1)
  await files.look()
  expect(reads).toBe(1)
})

it('a link that is swapped is a change, and so is a file that is gone', async () => {
  for (const name of ['one', 'two']) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'linked'), 'equal')
  }
  symlinkSync('one', join(folder, 'now'))
  let linkedReads = 0
  await files.add({
    files: [join(folder, 'now', 'linked')],
    reload: async () => {
      linkedReads += 1
    },
  })
  symlinkSync('two', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'now'))
  for (let look = 0; look < 3; look += 1) await files.look()
  expect(linkedReads).toBe(1)
  rmSync(join(folder, 'now'))
  for (let look = 0; look < 3; look += 1) await files.look()
  expect(linkedReads).toBe(2)
})

it('an operator has it read at once, and then it is no change any more', async () => {
  writeFileSync(file, 'second')
  await files.reloadAll()
  expect(reads).toBe(1)
  await files.look()
  await files.look()
  expect(reads).toBe(1)
})

it('nothing is read once it is stopped', async () => {
  files.stop()
  await files.reloadAll()
  expect(reads).toBe(0)
})
