import type { GuardedCommand } from '../../../src/cli/guarding/messages.js'

/** A command as tnl-do gives it to its guardian. */
export function aCommand(words: readonly string[], other: Partial<GuardedCommand> = {}): GuardedCommand {
  const [file = '', ...args] = words
  return {
    file,
    args,
    variables: [`PATH=${process.env.PATH ?? ''}`],
    graceMs: 1,
    onLost: { kind: 'terminate' },
    leaveDaemons: false,
    ignoredSignals: [],
    descriptors: [],
    openFiles: null,
    outerGroup: process.pid,
    ...other,
  }
}
