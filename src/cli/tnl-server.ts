#!/usr/bin/env node
import { catchSignals } from './server/server-signals.js'

catchSignals()
const { runServerProgram } = await import('./server/server-program.js')
await runServerProgram(process.argv.slice(2), process.env)
