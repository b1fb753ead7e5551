#!/usr/bin/env node
import { runTnlClient } from './do-hold.js'
import { endProgram } from './end-program.js'

await endProgram(await runTnlClient(process.argv.slice(2), process.env))
