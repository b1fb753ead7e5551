#!/usr/bin/env node
import { runServerProgram } from './server-program.js'

await runServerProgram(process.argv.slice(2), process.env)
