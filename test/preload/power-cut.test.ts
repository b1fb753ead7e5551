/** What a power cut takes: what was written and not synced, and nothing else. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { Preload } from './preload.js'

/** Always the worst. */
class WorstCase extends SeededRandom {
  override chance(): boolean {
    return true
  }
}

const dir = mkdtempSync(join(tmpdir(), 'tnl-power-'))
const built = Preload.build(dir)

/** Runs this in a process of its own until it says that it is done, then kills it. */
async function dieAfter(preload: Preload, dataDir: string, script: string): Promise<void> {
  const environment = { ...process.env, ...preload.environment('n1', dataDir), DIR: dataDir }
  const words = ['--input-type=module', '-e', `${script}\nconsole.log('done')\nsetInterval(() => {}, 1000)`]
  const child = spawn(process.execPath, words, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), gone])
  expect(child.exitCode).toBeNull()
  child.kill('SIGKILL')
  await gone
}

describe.skipIf(typeof built === 'string')('a power cut', () => {
  const preload = built as Preload
  const dataDir = join(dir, 'data')

  beforeEach(() => mkdirSync(dataDir))
  afterEach(() => rmSync(dataDir, { recursive: true }))
  afterAll(() => {
    preload.close()
    rmSync(dir, { recursive: true })
  })

  const cut = (): unknown => preload.losePower('n1', dataDir, new WorstCase(1))

  it('takes the end of a file that is not synced', async () => {
    await dieAfter(
      preload,
      dataDir,
      `import fs from 'node:fs'
      const fd = fs.openSync(process.env.DIR + '/log', 'w')
      fs.writeSync(fd, 'synced'); fs.fsyncSync(fd); fs.writeSync(fd, ', not synced')
      const other = fs.openSync(process.env.DIR + '/new', 'w')
      fs.writeSync(other, 'never synced'); fs.closeSync(other)`,
    )
    expect(cut()).toEqual({ files: 2, writes: 0 })
    expect(readFileSync(join(dataDir, 'log'), 'utf8')).toBe('synced')
    expect(readFileSync(join(dataDir, 'new'), 'utf8')).toBe('')
  })

  it('undoes what was written over something and not synced', async () => {
    writeFileSync(join(dataDir, 'mark'), 'aaaabbbbcccc')
    await dieAfter(
      preload,
      dataDir,
      `import fs from 'node:fs'
      const { O_RDWR, O_DSYNC } = fs.constants
      const path = process.env.DIR + '/mark'
      const durable = fs.openSync(path, O_RDWR | O_DSYNC)
      fs.writeSync(durable, 'AAAA', 0)
      const fd = fs.openSync(path, O_RDWR)
      fs.writeSync(fd, 'BBBB', 4); fs.fdatasyncSync(fd)
      fs.writeSync(fd, 'CC', 8)
      fs.writeSync(fd, 'xx', 9)`,
    )
    expect(cut()).toEqual({ files: 0, writes: 2 })
    expect(readFileSync(join(dataDir, 'mark'), 'utf8')).toBe('AAAABBBBcccc')
  })

  it('takes what LevelDB was not asked to sync', async () => {
    await dieAfter(
      preload,
      dataDir,
      `import { Level } from 'level'
      const level = new Level(process.env.DIR + '/db')
      await level.put('one', 'synced', { sync: true })
      await level.put('two', 'not synced')`,
    )
    expect(cut()).toEqual({ files: expect.any(Number), writes: 0 })
    const level = new Level(join(dataDir, 'db'))
    expect(await level.keys().all()).toEqual(['one'])
    await level.close()
  })

  it('takes nothing that an earlier process had written', async () => {
    writeFileSync(join(dataDir, 'old'), 'as it was')
    await dieAfter(preload, dataDir, '')
    expect(cut()).toEqual({ files: 0, writes: 0 })
    expect(readFileSync(join(dataDir, 'old'), 'utf8')).toBe('as it was')
  })
})
