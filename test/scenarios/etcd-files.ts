/** etcd's scenario files are data of another project (Apache-2.0): they lie outside of this repository. */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

type Kind = 'quorum' | 'confchange' | 'interaction'

const DEFAULT_LOCATION = join(import.meta.dirname, '..', '..', '..', 'shared', 'etcd-raft')

/** Where a kind lies: in a folder of that name, or as in etcd's own module, whose root or `testdata` may be named. */
const PLACES: Readonly<Record<Kind, readonly string[]>> = {
  interaction: ['interaction', 'testdata', '.'],
  quorum: ['quorum', 'quorum/testdata', '../quorum/testdata'],
  confchange: ['confchange', 'confchange/testdata', '../confchange/testdata'],
}

export const HOW_TO_GET_THEM = `They are not part of this repository. With Go installed:
  go mod download -json go.etcd.io/raft/v3@v3.7.0       # prints where it put them: "Dir"
  ETCD_RAFT_TESTDATA=DIR npm run conformance            # that directory`

export function etcdDirectory(): string {
  return resolve(process.env.ETCD_RAFT_TESTDATA ?? DEFAULT_LOCATION)
}

/** Paths of the scenario files of one kind in the order of their names; none when the files are not there. */
export function etcdFiles(kind: Kind): string[] {
  for (const place of PLACES[kind]) {
    const files = scenarioFiles(join(etcdDirectory(), place))
    if (files.length > 0) return files
  }
  return []
}

/** Kinds of which not a single file was found. */
export function missingKinds(): Kind[] {
  return (['interaction', 'quorum', 'confchange'] as const).filter((kind) => etcdFiles(kind).length === 0)
}

export function scenarioFiles(directory: string): string[] {
  if (!existsSync(directory)) return []
  const names = readdirSync(directory).filter((name) => name.endsWith('.txt'))
  return names.sort().map((name) => join(directory, name))
}
