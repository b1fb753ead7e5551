#!/usr/bin/env node
import { catchSignals } from './server-signals.js'

catchSignals()
const { runServerProgram } = await import('./server-program.js')
await runServerProgram(process.argv.slice(2), process.env)
