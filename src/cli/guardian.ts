import { runGuardian } from './do-guardian-process.js'

/**
 * The guardian of one tnl-do, which starts it as a process of its own (engine.md §4 rule 6). Its argument: the number of
 * the descriptor that leads to the watcher.
 */
const [descriptor] = process.argv.slice(2)
runGuardian(descriptor === undefined ? null : Number(descriptor))
