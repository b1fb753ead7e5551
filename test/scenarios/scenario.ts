/**
 * `npm run -s scenario -- FILE…`: prints each file with the outputs that this core gives in place of those written there.
 * Comments are kept, log lines left out.
 */
import { readFileSync } from 'node:fs'
import { rewriteText } from './datadriven.js'
import { interactionHandler } from './interaction-runner.js'

const files = process.argv.slice(2)
if (files.length === 0) {
  process.stderr.write('usage: npm run -s scenario -- FILE…\n')
  process.exitCode = 2
}
for (const file of files) {
  try {
    process.stdout.write(rewriteText(readFileSync(file, 'utf8'), file, interactionHandler()))
  } catch (error) {
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
