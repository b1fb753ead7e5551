import type { Random } from '../../platform.js'
import type { LogStore } from '../../raft/ports/store.js'

const RECORD_KEY = 'member-uid'

/** Made at the first start in a directory and kept: tells this directory from a wiped successor with the same node id. */
export async function memberUidOf(store: LogStore, random: Random): Promise<string> {
  const { identity } = store.loaded
  if (identity !== null) return identity.memberUid
  const stored = await store.getRecord(RECORD_KEY)
  if (stored !== null) return Buffer.from(stored).toString('hex')
  const made = random.bytes(16)
  await store.putRecord(RECORD_KEY, made)
  return Buffer.from(made).toString('hex')
}
