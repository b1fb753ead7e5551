#!/usr/bin/env node
/** `tnl-client`: holds a lock until it is ended. */
import { runTnlClient } from './client/hold.js'
import { endProgram } from './shared/end-program.js'

await endProgram(await runTnlClient(process.argv.slice(2), process.env))
