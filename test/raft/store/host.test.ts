import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bootId, isLocalFileSystem, lockFileIdentity } from '../../../src/raft/store/host.js'
import { nodeDisk } from '../../../src/raft/store/node-disk.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { freshDirectory, storeErrorOf } from './helpers.js'
import { nextLine, startProcess } from './processes.js'

it('the lock file keeps its identity over restarts, and looking at it does not drop the lock', async () => {
  const directory = freshDirectory()
  const first = await openStore(directory)
  const identity = await lockFileIdentity(directory)
  const { dev, ino } = statSync(join(directory, 'log', 'LOCK'), { bigint: true })
  expect(identity).toEqual({ device: dev.toString(), inode: ino.toString() })
  expect(await nextLine(startProcess(directory, 'hold'))).toMatch(/^failed .*in use/)
  await first.close()
  const second = await openStore(directory)
  expect(await lockFileIdentity(directory)).toEqual(identity)
  expect((await storeErrorOf(openStore(directory))).kind).toBe('locked')
  await second.close()
})

it('only file systems that are known to be local count as local', async () => {
  expect(await isLocalFileSystem('/proc')).toBe(false)
})

it.runIf(process.platform === 'linux')('this boot has a name, and it stays', async () => {
  const id = await bootId()
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect(await bootId()).toBe(id)
})

it('a directory is made with its parents', async () => {
  const path = join(freshDirectory(), 'a', 'b')
  await nodeDisk.makeDirectory(path)
  await nodeDisk.makeDirectory(path)
  expect(statSync(path).isDirectory()).toBe(true)
})

it.runIf(process.platform === 'linux')('a directory that cannot be made is not tried for ever', async () => {
  await expect(nodeDisk.makeDirectory('/proc/tnl/data')).rejects.toMatchObject({ code: 'ENOENT' })
})
