/** Among the arguments of the guardian: there is no watcher. */
export const NO_DESCRIPTOR = -1

/** Words on the pipe, one line each. */
export const WatcherWord = {
  /** `group ID`: the command's process group. */
  group: 'group',
  /** `guardian ID`: who is the parent of all that is left, as long as it lives. */
  guardian: 'guardian',
  /** `limit TIME`: past that, and without a later word of it, the guardian is stopped; hundredths of a second since boot. */
  limit: 'limit',
  /** `known ID:TICKS ...`: what runs for the command, each with its start in clock ticks since boot. */
  known: 'known',
  /** Nothing is left; the watcher is no longer needed. */
  done: 'done',
} as const
