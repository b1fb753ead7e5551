import { runGuardian } from './do-guardian-process.js'

/** The guardian of one tnl-do, which starts it as a process of its own (engine.md §4 rule 6). */
runGuardian()
