#!/usr/bin/env node
/** `tnl-do`: runs a command under a lock. `bin/tnl-do` starts it. */
import { runTnlDo } from './do/run.js'
import { endProgram } from './shared/end-program.js'

await endProgram(await runTnlDo(process.argv.slice(2), process.env))
