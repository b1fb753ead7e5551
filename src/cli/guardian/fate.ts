/**
 * What is to become of the command: the whole state of a guardian as one value, and everything that can change it. It goes from
 * left to right. Only a command that could not be started leads back to `waiting`; that frees nothing and kills nothing.
 *
 *                    | waiting | starting | running | asked   | killing, stuck | empty
 *   -----------------+---------+----------+---------+---------+----------------+--------
 *   started          |         | running¹ |         |         |                |
 *   limit near       |         |          | asked   |         |                |
 *   limit passed     |         | doomed   | killing | killing | lost           | leaving
 *   told to kill     |         | doomed   | killing | killing | lost           |
 *   tnl-do is dead   | leaving | doomed   | killing | killing | orphaned       | leaving
 *   leftovers stay   |         |          | killing | killing |                |
 *   outlives the kill|         |          |         |         | stuck          |
 *   nothing is left  |         |          | empty   | leaving | empty²         |
 *
 *   ¹ killing if it is doomed. ² leaving if the lock is lost or tnl-do is dead.
 *
 * Why nothing of the command is left before the lock can be another's (rules.md rule 6). The limit lies before that moment.
 * Read the row *limit passed*: no entry lets a command run on. It is killed, or it is being killed, and there the only way out
 * is the row *nothing is left*. Now read for `leaving`, where the guardian says `bye`, which frees the lock at once: every way
 * there passes *nothing is left*, or starts in a column in which no command has run.
 *
 * To see why tnl-do's death must be a row, consider a laptop that is closed: tnl-do and its guardian freeze, the session's
 * lease passes, and a rival gets the lock. When the lid opens, the guardian's timer finds the limit passed and kills before
 * it does anything else. It asks nobody, for tnl-do may be dead by then.
 */

/** Why a command is killed. Each is worse than those before it, and only a worse one replaces another. */
export type Doom =
  /** The command has ended by itself; what it left behind has not, though it was asked to. */
  | 'leftovers'
  /** tnl-do is dead or has let go of its guardian. */
  | 'orphaned'
  /** The lock is lost, or is lost a moment from now. */
  | 'lost'

const BY_GRAVITY: readonly Doom[] = ['leftovers', 'orphaned', 'lost']

export type Fate =
  /** No command yet, or it could not be started. */
  | { readonly at: 'waiting' }
  /** With a doom, it is killed as soon as it has started. */
  | { readonly at: 'starting'; readonly doom: Doom | null }
  /** Something of the command is left, and nobody has done anything about it. */
  | { readonly at: 'running' }
  /** The lock is being lost: the command was asked to end, and is killed at the limit. */
  | { readonly at: 'asked' }
  /** Everything that is left is killed, again and again, until nothing is left. */
  | { readonly at: 'killing'; readonly doom: Doom }
  /** The same, and something has outlived it for so long that it is another user's, or hangs in the kernel. */
  | { readonly at: 'stuck'; readonly doom: Doom }
  /** The command has been, and nothing of it is left. tnl-do has the connection. */
  | { readonly at: 'empty' }
  /** The guardian ends the session with its last word, and then itself. */
  | { readonly at: 'leaving' }

export type FateEvent =
  | 'run'
  | 'started'
  | 'failed'
  | 'limit-near'
  | 'limit-passed'
  /** The limit has passed, and the command was to run on then (`--on-lost ignore`). */
  | 'limit-unheeded'
  | 'told-to-kill'
  | 'orphaned'
  | 'leftovers-stay'
  | 'outlives-kill'
  | 'nothing-left'

export const NO_COMMAND: Fate = { at: 'waiting' }

/** The command was asked to end, or killed, because the lock was being lost. A later limit takes nothing back then. */
export function isLost(fate: Fate): boolean {
  return fate.at === 'asked' || ('doom' in fate && fate.doom === 'lost')
}

/** The very same fate when the event changes nothing. */
export function nextFate(fate: Fate, event: FateEvent): Fate {
  switch (event) {
    case 'run':
      return fate.at === 'waiting' ? { at: 'starting', doom: null } : fate
    case 'started':
      if (fate.at !== 'starting') return fate
      return fate.doom === null ? { at: 'running' } : { at: 'killing', doom: fate.doom }
    case 'failed':
      if (fate.at !== 'starting') return fate
      return fate.doom === null ? NO_COMMAND : { at: 'leaving' }
    case 'limit-near':
      return fate.at === 'running' ? { at: 'asked' } : fate
    case 'limit-passed':
      return fate.at === 'empty' ? { at: 'leaving' } : doomed(fate, 'lost')
    case 'limit-unheeded':
      return fate.at === 'empty' ? { at: 'leaving' } : fate
    case 'told-to-kill':
      return doomed(fate, 'lost')
    case 'orphaned':
      return fate.at === 'waiting' || fate.at === 'empty' ? { at: 'leaving' } : doomed(fate, 'orphaned')
    case 'leftovers-stay':
      return fate.at === 'running' || fate.at === 'asked' ? doomed(fate, 'leftovers') : fate
    case 'outlives-kill':
      return fate.at === 'killing' ? { at: 'stuck', doom: fate.doom } : fate
    case 'nothing-left':
      return ended(fate)
  }
}

function doomed(fate: Fate, doom: Doom): Fate {
  switch (fate.at) {
    case 'starting':
    case 'killing':
    case 'stuck':
      return isWorse(doom, fate.doom) ? { ...fate, doom } : fate
    case 'running':
      return { at: 'killing', doom }
    case 'asked':
      return { at: 'killing', doom: 'lost' }
    default:
      return fate
  }
}

function ended(fate: Fate): Fate {
  switch (fate.at) {
    case 'running':
      return { at: 'empty' }
    case 'asked':
      return { at: 'leaving' }
    case 'killing':
    case 'stuck':
      return { at: fate.doom === 'leftovers' ? 'empty' : 'leaving' }
    default:
      return fate
  }
}

function isWorse(doom: Doom, than: Doom | null): boolean {
  return than === null || BY_GRAVITY.indexOf(doom) > BY_GRAVITY.indexOf(than)
}
