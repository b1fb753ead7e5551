#!/usr/bin/env node
import { readStart } from './do/start.js'
import { startGuardian, startsEarly } from './do/started-guardian.js'

const words = process.argv.slice(2)
// The guardian's start takes longer than reading the rest of this program, and another processor may do it meanwhile.
const started = startsEarly(words) ? startGuardian(readStart(words, process.env).descriptors) : null
const { runTnlDo } = await import('./do/run.js')
const { endProgram } = await import('./shared/end-program.js')
await endProgram(await runTnlDo(words, process.env, started))
