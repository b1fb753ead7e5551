/** `npm run golden -- --write vX`: makes the golden files of a release. README.md says when. */
import { Command } from 'commander'
import { releases, writeRelease } from './files.js'

const { write } = new Command('golden')
  .description('Bytes of every released version, which later programs must be able to read.')
  .option('--write <release>', 'make the files of this release, for example v2; never again those of an earlier one')
  .parse()
  .opts<{ readonly write?: string }>()

if (write === undefined) process.stdout.write(`golden files of: ${releases().join(', ')}\n`)
else await writeRelease(write)
