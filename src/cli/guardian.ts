import { runGuardian } from './guardian/guardian-process.js'

/**
 * The guardian of one tnl-do, which starts it as a process of its own (rules.md rule 6). Its arguments: the numbers of
 * the descriptors that lead to tnl-do and to the watcher, and of those that are locks of this host.
 */
const [channel = 0, watcher = 0, ...locks] = process.argv.slice(2).map(Number)
runGuardian(channel, watcher, locks)
