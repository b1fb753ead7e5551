#!/usr/bin/env node
import { runProgram } from './shared/run-program.js'
import { createTnl, delegate } from './shared/tnl-command.js'

await runProgram(async () => {
  const words = process.argv.slice(2)
  if (!(await delegate(words))) await createTnl().parseAsync(words, { from: 'user' })
})
