/** etcd's scenario files are data of another project (Apache-2.0): they lie outside of this repository. */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const DEFAULT_LOCATION = join(import.meta.dirname, '..', '..', '..', 'shared', 'etcd-raft')

export function etcdDirectory(): string {
  return resolve(process.env.ETCD_RAFT_TESTDATA ?? DEFAULT_LOCATION)
}

/** Paths of the scenario files of one kind in the order of their names; none when the files are not there. */
export function etcdFiles(kind: 'quorum' | 'confchange' | 'interaction'): string[] {
  return scenarioFiles(join(etcdDirectory(), kind))
}

export function scenarioFiles(directory: string): string[] {
  if (!existsSync(directory)) return []
  const names = readdirSync(directory).filter((name) => name.endsWith('.txt'))
  return names.sort().map((name) => join(directory, name))
}
