#!/usr/bin/env node
import { runProgram } from './run-program.js'
import { createTnl, delegate } from './tnl-command.js'

await runProgram(async () => {
  const words = process.argv.slice(2)
  if (!(await delegate(words))) await createTnl().parseAsync(words, { from: 'user' })
})
