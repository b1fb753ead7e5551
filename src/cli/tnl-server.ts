#!/usr/bin/env node
/** `tnl-server`: a node. Signals are caught first, before the rest is even loaded. */
import { catchSignals } from './server/server-signals.js'

catchSignals()
const { runServerProgram } = await import('./server/server-program.js')
await runServerProgram(process.argv.slice(2), process.env)
