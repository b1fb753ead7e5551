/** Words on the pipe, one line each. */
export const WatcherWord = {
  /** `group ID`: the command's process group. */
  group: 'group',
  /** `known ID:TICKS ...`: what runs for the command, each with its start in clock ticks since boot. */
  known: 'known',
  /** Nothing is left; the watcher is no longer needed. */
  done: 'done',
} as const
