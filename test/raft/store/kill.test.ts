import { once } from 'node:events'
import { expect, it } from 'vitest'
import type { Entry } from '../../../src/raft/core/types.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { entries, freshDirectory, plain } from './helpers.js'
import { startProcess } from './processes.js'

const TRIALS = 8

function applyLine(list: readonly Entry[], line: string): Entry[] {
  const [, first = 0, count = 0, term = 0] = line.split(' ').map(Number)
  return [...list.slice(0, first - 1), ...entries(first, first + count - 1, term)]
}

it('after kill -9 everything acknowledged is there, over and over', { timeout: 120_000 }, async () => {
  const directory = freshDirectory()
  let acknowledged: Entry[] = []
  let batches = 0
  for (let trial = 0; trial < TRIALS; trial++) {
    const writer = startProcess(directory, 'write')
    let inFlight = acknowledged
    let left = 5 + trial * 60
    for await (const line of writer.lines) {
      if (line.startsWith('failed')) throw new Error(line)
      if (line.startsWith('write')) inFlight = applyLine(acknowledged, line)
      if (line !== 'done') continue
      acknowledged = inFlight
      batches++
      // What it writes between this and its death is read to the end of its output.
      if (--left === 0) writer.child.kill('SIGKILL')
    }
    if (writer.child.exitCode === null && writer.child.signalCode === null) await once(writer.child, 'exit')
    expect(writer.child.signalCode).toBe('SIGKILL')
    const store = await openStore(directory)
    await store.close()
    const found = plain(store.loaded.entries)
    expect([plain(acknowledged), plain(inFlight)]).toContainEqual(found)
    acknowledged = [...store.loaded.entries]
  }
  expect(batches).toBeGreaterThan(TRIALS * 5)
})
