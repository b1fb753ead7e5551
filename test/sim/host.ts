/** A host with its volume and the node process on it. */
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import type { Volume } from './disk.js'
import type { Member } from './member.js'
import type { Machine, Process } from './process.js'

/** Of a process that has ended by itself. Its program may be older than the cluster, or than a directory whose format was set back. */
type Fate = 'expected' | 'unexpected' | 'hangs' | 'too old' | 'set back'

export class Host {
  process: Process | null = null
  member: Member | null = null
  /** Founders of the first cluster, or nobody: then it joins. */
  isJoiner = false
  /** Its directory was lost: it must never be a member again under this identity. */
  isWiped = false
  /** An operator asked for its removal: it may end by itself, whenever it learns of it. */
  removalAsked = false
  /** It ended with 4: a supervisor would not start it again. */
  isRefused = false
  starts = 0
  /** The feature level of the program that is installed there. */
  programLevel = FEATURE_LEVEL
  /** Where its next process dies. */
  failpointAtStart: { readonly name: string; readonly times: number } | null = null
  /** The identity of its directory; 0 before it has one. */
  raftId = 0

  constructor(
    readonly nodeId: string,
    public machine: Machine,
    public volume: Volume,
  ) {}

  /** It, or its identity, is not to be counted on any more. */
  get isLost(): boolean {
    const { isDamaged, stray, isPutBack } = this.volume
    return this.isWiped || this.isRefused || this.removalAsked || isDamaged || isPutBack || stray !== null
  }

  get isUp(): boolean {
    return this.process?.isAlive === true
  }

  /** What is to be thought of the end of its process with this status, whose last words these are. `level`: the cluster's. */
  fateOf(code: number, words: string, level: number): Fate {
    const { volume, member } = this
    if (code === 4 && volume.formatSetBack !== null && !volume.isDamaged) return 'set back'
    if (code === 5 && (member?.deps.programLevel ?? FEATURE_LEVEL) < level) return 'too old'
    if (code === 3 && volume.isHanging && words.includes('the disk hangs')) return 'hangs'
    return this.#mayEnd(code, words) ? 'expected' : 'unexpected'
  }

  #mayEnd(code: number, words: string): boolean {
    const { volume, member, isWiped, removalAsked } = this
    switch (code) {
      case 0:
        return removalAsked || member?.isStopping === true
      case 3:
        // The directory follows the level while it serves, and may meet what happened to it.
        return volume.hasFailed || (volume.isDamaged && words.includes('raising the format'))
      case 4:
        return isWiped || removalAsked || volume.isDamaged || volume.isPutBack
      default:
        return false
    }
  }
}
