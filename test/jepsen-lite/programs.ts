/** The two programs of a run that swaps them: the one that is attacked, and that of the release before it. */
import { join } from 'node:path'
import { previousRelease, programOf } from '../kit/programs/previous-release.js'
import type { LocalNode } from './local-node.js'

export class Programs {
  private constructor(
    readonly present: string,
    readonly previous: string,
    private readonly name: string,
  ) {}

  /** `present`: the file of the server that is attacked. Why there is nothing to swap it with, if that is so. */
  static async create(present: string): Promise<Programs | string> {
    const release = await previousRelease()
    if ('reason' in release) return release.reason
    return new Programs(present, join(await programOf(release), 'dist/cli/tnl-server.js'), release.name)
  }

  otherThan(node: LocalNode): string {
    return node.server === this.present ? this.previous : this.present
  }

  nameOf(node: LocalNode): string {
    return node.server === this.present ? '(present)' : `(${this.name})`
  }
}
