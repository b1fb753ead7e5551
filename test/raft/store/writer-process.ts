/**
 * Appends to the store in argv[2] until it is killed, with a suffix replaced now and then. Says `write FIRST COUNT TERM`
 * before and `done` after each batch was acknowledged. With argv[3] = `hold` it only opens the store and waits.
 */
import { openStore } from '../../../src/raft/store/open-store.js'
import { sayLine } from '../../kit/say-line.js'
import { entries } from './helpers.js'

const [, , directory = '', mode = 'write'] = process.argv

try {
  const store = await openStore(directory)
  sayLine('open')
  if (mode === 'hold') await new Promise((resolve) => process.stdin.once('data', resolve))
  else await writeForEver(store)
  await store.close()
} catch (error) {
  sayLine(`failed ${error instanceof Error ? error.message : String(error)}`)
}

async function writeForEver(store: Awaited<ReturnType<typeof openStore>>): Promise<never> {
  const { loaded } = store
  let term = loaded.hardState.term + 1
  let last = loaded.prevIndex + loaded.entries.length
  const commit = loaded.hardState.commit
  for (let round = 0; ; round++) {
    const isReplacing = round % 7 === 6
    if (isReplacing) term++
    const first = isReplacing ? Math.max(commit + 1, last - 4) : last + 1
    const count = 1 + (round % 5)
    last = first + count - 1
    sayLine(`write ${first} ${count} ${term}`)
    await store.append({
      hardState: { term, vote: 1, commit },
      entries: entries(first, last, term),
      mustSync: true,
    })
    sayLine('done')
  }
}
