/** Files that are read again: when they are, and when not. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WatchedFiles } from '../../../src/server/config/watched-files.js'
import {
  WATCHED_FILES_HUNG_LOOKS,
  WATCHED_FILES_PATIENCE_MS,
  WATCHED_FILES_RETRY_LOOKS,
  WATCHED_SETS_HUNG_MAX_COUNT,
} from '../../../src/server/limits.js'

let folder: string
let file: string
let reads: number
let files: WatchedFiles

let said: string[]
let outOfPatience: (() => void)[]
/** The looks of the clock are the test's own, and it says when nobody has patience any longer. */
const clock = {
  after: (ms: number, run: () => void) => {
    if (ms === WATCHED_FILES_PATIENCE_MS) outOfPatience.push(run)
    return { cancel: () => undefined }
  },
}
const watcher = (fingerprint?: (file: string) => Promise<string>): WatchedFiles =>
  new WatchedFiles({
    clock,
    warn: (message) => void said.push(message),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-watched-'))
  file = join(folder, 'file')
  writeFileSync(file, 'first')
  reads = 0
  said = []
  outOfPatience = []
  files = watcher()
  await files.add({
    files: [file],
    reload: async () => {
      reads += 1
      return true
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
      return true
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

it('what cannot be used is tried again after a while, though it seems to be the same', async () => {
  let isUsable = false
  let tries = 0
  await files.add({
    files: [file],
    reload: async () => {
      tries += 1
      return isUsable
    },
  })
  writeFileSync(file, 'second')
  await files.look()
  await files.look()
  expect(tries).toBe(1)
  for (let look = 1; look < WATCHED_FILES_RETRY_LOOKS; look += 1) await files.look()
  expect(tries).toBe(1)
  isUsable = true
  await files.look()
  expect(tries).toBe(2)
  for (let look = 0; look < 2 * WATCHED_FILES_RETRY_LOOKS; look += 1) await files.look()
  expect(tries).toBe(2)
})

describe('a disk that hangs', () => {
  /** Sets of one file each, of which those in `hung` are never answered for. */
  async function sets(names: readonly string[]) {
    const hung = new Set<string>()
    const asked: string[] = []
    const read: string[] = []
    let version = 1
    const own = watcher((name) => {
      asked.push(name)
      return hung.has(name) ? new Promise(() => undefined) : Promise.resolve(`${name} ${version}`)
    })
    for (const name of names) {
      const reload = async () => {
        read.push(name)
        return true
      }
      await own.add({ files: [name], reload })
    }
    /** Looks, and has no patience with whatever hangs. */
    const look = async (looks = 1) => {
      for (let at = 0; at < looks; at += 1) {
        const looked = own.look()
        for (let step = 0; step < 20; step += 1) {
          for (const over of outOfPatience.splice(0)) if (hung.size > 0) over()
          await Promise.resolve()
        }
        await looked
      }
    }
    const change = () => {
      version += 1
    }
    return { own, hung, asked, read, look, change }
  }

  it('holds up what is on no other, and an operator is told', async () => {
    const { hung, read, look, change, asked } = await sets(['certificates', 'accounts'])
    hung.add('certificates')
    change()
    asked.length = 0
    await look(2)
    expect(read).toEqual(['accounts'])
    expect(asked.filter((name) => name === 'certificates')).toHaveLength(1)
    expect(said).toEqual([])
    await look(2 * WATCHED_FILES_HUNG_LOOKS)
    expect(said).toEqual([expect.stringMatching(/^certificates: cannot be looked at, its disk hangs/)])
  })

  it('never takes more than some threads of those that the log needs', async () => {
    const names = ['a', 'b', 'c', 'd']
    const { hung, asked, look } = await sets(names)
    for (const name of names) hung.add(name)
    asked.length = 0
    await look(5)
    expect(asked).toHaveLength(WATCHED_SETS_HUNG_MAX_COUNT)
  })
})

it('what an operator says in the middle of a look is not forgotten, and nothing is read twice at once', async () => {
  const waiting: (() => void)[] = []
  let underWay = 0
  let most = 0
  let done = 0
  const own = watcher(() => Promise.resolve('the same'))
  await own.add({
    files: ['x'],
    reload: async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise<void>((resolve) => waiting.push(resolve))
      underWay -= 1
      done += 1
      return true
    },
  })
  const first = own.reloadAll()
  while (waiting.length === 0) await Promise.resolve()
  const second = own.reloadAll()
  waiting.shift()?.()
  while (waiting.length === 0) await Promise.resolve()
  waiting.shift()?.()
  await Promise.all([first, second])
  expect([most, done]).toEqual([1, 2])
})
