/** The directory of a cluster on this machine, and what it keeps of how the cluster was laid out. */
import { constants } from 'node:fs'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_PORT } from '../../address.js'
import { makeDirectory } from '../../raft/store/make-directory.js'
import { describeSystemError, hasCode } from '../../server/sockets/listen.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'

const LAYOUT_FILE = 'cluster.json'

/** The members of a formed cluster know each other's ports, so a directory keeps those that it began with. */
export interface Layout {
  readonly nodes: number
  readonly basePort: number
}

export class ClusterDirectory {
  private constructor(private readonly path: string) {}

  /** Made if it is not there. Throws CommandFailure where that cannot be, or nothing may be written. */
  static async open(path: string): Promise<ClusterDirectory> {
    try {
      await makeDirectory(path)
      // The slash: a file of this name is no directory.
      await access(`${path}/`, constants.W_OK | constants.X_OK)
    } catch (error) {
      throw new CommandFailure(TnlExit.usage, `--data-dir ${path}: ${describeSystemError(error)}`)
    }
    return new ClusterDirectory(path)
  }

  /** Null: no cluster has lived here. Throws CommandFailure if it says nothing sensible. */
  async layout(): Promise<Layout | null> {
    const file = join(this.path, LAYOUT_FILE)
    try {
      const layout = asLayout(JSON.parse(await readFile(file, 'utf8')))
      if (layout !== null) return layout
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null
      if (!(error instanceof SyntaxError)) {
        throw new CommandFailure(TnlExit.failed, `${file}: ${describeSystemError(error)}`)
      }
    }
    const example = JSON.stringify({ nodes: 3, basePort: 7654 } satisfies Layout)
    throw new CommandFailure(
      TnlExit.failed,
      `${file} is damaged: it should say how many nodes there are and the first port, like ${example}`,
    )
  }

  async keep(layout: Layout): Promise<void> {
    await writeFile(join(this.path, LAYOUT_FILE), JSON.stringify(layout))
  }
}

function asLayout(value: unknown): Layout | null {
  if (typeof value !== 'object' || value === null || !('nodes' in value) || !('basePort' in value)) return null
  const { nodes, basePort } = value
  return isCount(nodes) && isCount(basePort) && basePort <= MAX_PORT ? { nodes, basePort } : null
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0
