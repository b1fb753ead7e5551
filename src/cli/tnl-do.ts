#!/usr/bin/env node
import { runTnlDo } from './do/run.js'
import { endProgram } from './shared/end-program.js'

await endProgram(await runTnlDo(process.argv.slice(2), process.env))
