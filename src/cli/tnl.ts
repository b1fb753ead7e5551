#!/usr/bin/env node
import { runProgram } from './tnl/run-program.js'
import { createTnl, type SISTERS } from './tnl/tnl-command.js'

const load: Readonly<Record<keyof typeof SISTERS, () => Promise<unknown>>> = {
  server: () => import('./tnl-server.js'),
  do: () => import('./tnl-do.js'),
  client: () => import('./tnl-client.js'),
}

/** `tnl do …` becomes `tnl-do …` in this very process: signals and exit status are its own. True if it was one of these. */
async function delegate(word: string | undefined): Promise<boolean> {
  if (word === undefined || !Object.hasOwn(load, word)) return false
  process.argv.splice(2, 1)
  await load[word as keyof typeof load]()
  return true
}

await runProgram(async () => {
  const words = process.argv.slice(2)
  if (!(await delegate(words[0]))) await createTnl().parseAsync(words, { from: 'user' })
})
