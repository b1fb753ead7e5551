import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { formatOfLevel } from '../../../src/raft/store/data-directory.js'
import type { Disk } from '../../../src/raft/store/disk.js'
import { nodeDisk } from '../../../src/raft/store/node-disk.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { append, entries, entry, freshDirectory, metadata, plain, sourceOf, storeErrorOf } from './helpers.js'
import { nextLine, startProcess } from './processes.js'

const NEXT_LEVEL = FEATURE_LEVEL + 1

describe('a directory of someone else', () => {
  it('is refused and left as it is', async () => {
    const directory = freshDirectory()
    mkdirSync(directory)
    writeFileSync(join(directory, 'thesis.txt'), 'years of work')
    const error = await storeErrorOf(openStore(directory))
    expect(error.kind).toBe('foreign')
    expect(error.message).toContain(directory)
    expect(readdirSync(directory)).toEqual(['thesis.txt'])
  })

  it('is refused when it is of another format version', async () => {
    const directory = freshDirectory()
    await (await openStore(directory)).close()
    const format = join(directory, 'FORMAT')
    writeFileSync(format, readFileSync(format, 'utf8').replace(`"version":${formatOfLevel(1)}`, '"version":3'))
    const error = await storeErrorOf(openStore(directory))
    expect([error.kind, error.message]).toEqual([
      'foreign',
      expect.stringContaining('written by TcpNetLock 0.2 or earlier (format version 3)'),
    ])
  })

  it('is raised when the level rises and not before, and refused by the older program from then on', async () => {
    const directory = freshDirectory()
    const older = await openStore(directory)
    await append(older, entries(1, 3))
    await older.close()
    const newer = await openStore(directory, { programLevel: NEXT_LEVEL })
    await append(newer, entries(4, 5))
    await newer.close()
    const back = await openStore(directory)
    expect(plain(back.loaded.entries)).toEqual(plain(entries(1, 5)))
    await back.close()
    const risen = await openStore(directory, { programLevel: NEXT_LEVEL })
    await risen.raiseLevel(NEXT_LEVEL)
    await risen.raiseLevel(1)
    await risen.close()
    const before = readFileSync(join(directory, 'synced'))
    const error: unknown = await openStore(directory).catch((problem: unknown) => problem)
    expect(error).toBeInstanceOf(OlderProgramError)
    expect(String(error)).toContain(
      `(format version ${formatOfLevel(NEXT_LEVEL)}) needs feature level ${NEXT_LEVEL}, and this program knows ${FEATURE_LEVEL}`,
    )
    expect(readFileSync(join(directory, 'synced')).equals(before)).toBe(true)
    const again = await openStore(directory, { programLevel: NEXT_LEVEL })
    expect(plain(again.loaded.entries)).toEqual(plain(entries(1, 5)))
    await again.close()
  })

  it('is not what the empty root of a volume looks like', async () => {
    const directory = freshDirectory()
    mkdirSync(join(directory, 'lost+found'), { recursive: true })
    await (await openStore(directory)).close()
  })

  it('is not a file', async () => {
    const directory = freshDirectory()
    writeFileSync(directory, 'x')
    const error = await storeErrorOf(openStore(directory))
    expect([error.kind, error.message]).toEqual(['io', expect.stringContaining(directory)])
  })
})

describe('a directory in use', () => {
  it('is refused to another process until the first one ends', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    const second = startProcess(directory, 'hold')
    expect(await nextLine(second)).toMatch(/^failed .*in use by another process/)
    // Refused here too, and without dropping the first one's lock on the way.
    const error = await storeErrorOf(openStore(directory))
    expect([error.kind, error.message]).toEqual(['locked', expect.stringContaining(directory)])
    const third = startProcess(directory, 'hold')
    expect(await nextLine(third)).toMatch(/^failed .*in use/)
    await append(store, entries(1, 2))
    await store.close()
    const fourth = startProcess(directory, 'hold')
    expect(await nextLine(fourth)).toBe('open')
    expect((await storeErrorOf(openStore(directory))).kind).toBe('locked')
    fourth.child.stdin?.end('x')
    await once(fourth.child, 'exit')
    await (await openStore(directory)).close()
  })
})

/** The real disk, but what `fails` says fails: the point where the simulator and the torture tests come in. */
function failing(fails: () => Error | null): Disk {
  const check = () => {
    const error = fails()
    if (error !== null) throw error
  }
  return {
    ...nodeDisk,
    openDatabase: async (...args) => {
      const database = await nodeDisk.openDatabase(...args)
      return {
        write: async (...write) => {
          check()
          await database.write(...write)
        },
        read: (key) => database.read(key),
        scan: () => database.scan(),
        close: () => database.close(),
      }
    },
    openFile: async (...args) => {
      const file = await nodeDisk.openFile(...args)
      return {
        read: (position, maxBytes) => file.read(position, maxBytes),
        write: async (position, bytes) => {
          check()
          await file.write(position, bytes)
        },
        sync: async () => {
          check()
          await file.sync()
        },
        sizeBytes: () => file.sizeBytes(),
        close: () => file.close(),
      }
    },
  }
}

const errno = (code: string) => Object.assign(new Error(`${code}: it failed`), { code })

/** LevelDB's own write comes after the answer: its failure ends the store all the same. */
async function untilItFails(store: LogStore): Promise<never> {
  for (;;) {
    await store.getRecord('a')
    await new Promise(setImmediate)
  }
}

describe('a write or a sync that fails', () => {
  const operations: Record<string, (store: LogStore) => Promise<unknown>> = {
    append: (store) => append(store, [entry(4)]),
    putRecord: (store) => store.putRecord('a', Buffer.of(1)),
    writeIdentity: (store) => store.writeIdentity({ clusterId: 'c', nodeId: 'n', raftId: 1, memberUid: 'u' }),
    saveSnapshot: (store) => store.saveSnapshot(metadata(2), sourceOf([Buffer.alloc(10)])),
  }

  for (const [name, operation] of Object.entries(operations)) {
    // Each of the operations has more than one step that can fail.
    for (const step of [1, 2]) {
      it.each([
        ['EIO', 'io'],
        ['ENOSPC', 'disk-full'],
      ])(`ends the store for good: ${name}, step ${step}, %s`, async (code, kind) => {
        let countdown = Number.POSITIVE_INFINITY
        const disk = failing(() => (--countdown === 0 ? errno(code) : null))
        const directory = freshDirectory()
        const store = await openStore(directory, { disk })
        await append(store, entries(1, 3), 2)
        countdown = step
        const error = await storeErrorOf(operation(store).then(() => untilItFails(store)))
        expect([error.kind, error.message]).toEqual([kind, expect.stringContaining(directory)])
        expect(await storeErrorOf(append(store, [entry(4)]))).toBe(error)
        expect(await storeErrorOf(store.getRecord('a'))).toBe(error)
        expect(await storeErrorOf(store.openSnapshot(1, 1))).toBe(error)
        expect(countdown).toBeLessThanOrEqual(0)
        await store.close()
        const again = await openStore(directory)
        expect(plain(again.loaded.entries).slice(0, 3)).toEqual(plain(entries(1, 3)))
        await again.close()
      })
    }
  }
})

it('a block that LevelDB gives back wrong is not built upon', async () => {
  let isWrong = false
  const disk: Disk = {
    ...nodeDisk,
    openDatabase: async (...args) => {
      const database = await nodeDisk.openDatabase(...args)
      const read = async (key: Buffer) => {
        const value = await database.read(key)
        if (isWrong) value?.writeUInt8(value.readUInt8(value.byteLength - 1) ^ 1, value.byteLength - 1)
        return value
      }
      return {
        write: (...write) => database.write(...write),
        read,
        scan: () => database.scan(),
        close: () => database.close(),
      }
    },
  }
  const store = await openStore(freshDirectory(), { disk })
  await append(store, entries(1, 5))
  await append(store, entries(4, 5, 2))
  isWrong = true
  const error = await storeErrorOf(append(store, entries(3, 5, 3)))
  expect([error.kind, error.message]).toEqual(['damaged', expect.stringContaining('entries 1 to 5')])
  await store.close()
})

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' })

/** A small file system of its own; the test is skipped where that is not allowed. */
function smallDisk(context: TestContext, size: string): string {
  const place = mkdtempSync(join(tmpdir(), 'tnl-tmpfs-'))
  try {
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place)
  } catch {
    rmSync(place, { recursive: true })
    context.skip('mounting a tmpfs is not allowed here')
  }
  onTestFinished(() => {
    execFileSync('umount', [place])
    rmSync(place, { recursive: true })
  })
  return place
}

describe('a real disk', () => {
  it('that is full ends the store, and what was acknowledged is there when there is room again', async (context) => {
    const place = smallDisk(context, '6m')
    const directory = join(place, 'data')
    const store = await openStore(directory)
    let last = 0
    const fill = async () => {
      for (;;) {
        await append(store, [entry(last + 1, 1, 'x'.repeat(20_000))], last)
        last++
      }
    }
    const error = await storeErrorOf(fill())
    expect(error.kind).toBe('disk-full')
    expect(error.message).toMatch(/disk is full/)
    expect(await storeErrorOf(append(store, [entry(last + 1)]))).toBe(error)
    await store.close()
    expect((await storeErrorOf(openStore(directory))).kind).toBe('disk-full')
    mount('-o', 'remount,size=32m', place)
    const again = await openStore(directory)
    expect(last).toBeGreaterThan(20)
    expect(again.loaded.entries.length).toBeGreaterThanOrEqual(last)
    await again.close()
  })

  it('that is full while a snapshot is written gets that room back', async (context) => {
    const place = smallDisk(context, '6m')
    const directory = join(place, 'data')
    const store = await openStore(directory)
    await append(store, entries(1, 3), 3)
    const endless = { next: () => Buffer.alloc(64 * 1024), abort: () => undefined }
    expect((await storeErrorOf(store.saveSnapshot(metadata(3), endless))).kind).toBe('disk-full')
    await store.close()
    expect(readdirSync(join(directory, 'snapshots'))).toEqual([])
    const again = await openStore(directory)
    expect(again.loaded.entries).toHaveLength(3)
    await again.close()
  })

  it('that is read-only is named', async (context) => {
    const place = smallDisk(context, '8m')
    const directory = join(place, 'data')
    await (await openStore(directory)).close()
    mount('-o', 'remount,ro', place)
    const existing = await storeErrorOf(openStore(directory))
    expect([existing.kind, existing.message]).toEqual(['io', expect.stringMatching(/Read-only file system/)])
    const fresh = await storeErrorOf(openStore(join(place, 'other')))
    expect([fresh.kind, fresh.message]).toEqual(['io', expect.stringMatching(/other.*(EROFS|Read-only)/i)])
  })
})
