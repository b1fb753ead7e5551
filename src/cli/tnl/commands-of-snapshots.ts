/** `tnl snapshot …`: the state of a cluster as a file, and a cluster from such a file (docs/operations/backup.md). */
import { type Command, InvalidArgumentError } from 'commander'
import { inspectSnapshot } from '../snapshot/inspect.js'
import { restoreSnapshot } from '../snapshot/restore.js'
import { saveSnapshot } from '../snapshot/save.js'
import { type AskOptions, addExamples, ENDPOINTS, endpointsOf } from './common-options.js'

const JSON_OPTION = ['--json', 'as JSON'] as const

interface RestoreCommandOptions {
  readonly dataDir: string
  readonly replace?: boolean
  readonly tokensAbove?: number
  readonly json?: boolean
}

export function addSnapshots(tnl: Command): void {
  const snapshot = tnl
    .command('snapshot')
    .description('the state of the cluster as a file: save it, look at it, begin from it')
  addExamples(
    snapshot,
    'tnl snapshot save /backup/tnl-monday',
    'tnl snapshot inspect /backup/tnl-monday',
    'tnl snapshot restore /backup/tnl-monday --data-dir /var/lib/tnl',
  )
  addExamples(
    snapshot.command('save <FILE>'),
    'tnl snapshot save /backup/tnl-monday --endpoints n1:7654,n2:7654,n3:7654',
  )
    .description('all that the cluster has agreed on by now; FILE is written beside and renamed when it is whole')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .addHelpText('after', STATUSES_OF_SAVE)
    .action((file: string, options: AskOptions) => saveSnapshot(endpointsOf(options), file, options.json === true))
  addExamples(snapshot.command('inspect <FILE>'), 'tnl snapshot inspect /backup/tnl-monday --json')
    .description('verify a saved snapshot, and show what is in it')
    .option(...JSON_OPTION)
    .addHelpText('after', STATUSES_OF_INSPECT)
    .action((file: string, options: AskOptions) => inspectSnapshot(file, options.json === true))
  addExamples(
    snapshot.command('restore <FILE>'),
    'tnl snapshot restore /backup/tnl-monday --data-dir /var/lib/tnl     # on every node, while none runs',
  )
    .description(
      'let the node of a data directory begin from a saved snapshot, with all nodes of its --cluster: a new cluster with the marks, ' +
        'freezes and pinned limits of the saved one; its sessions have ended, and its tokens go on above all that were given',
    )
    .option(
      '--data-dir <DIR>',
      'of a node that does not run (default TNL_DATA_DIR, else ./tnl-data)',
      process.env.TNL_DATA_DIR ?? './tnl-data',
    )
    .option('--replace', 'move what is in DIR aside, to DIR.before-TIME')
    .option(
      '--tokens-above <T>',
      'no higher token than T was ever given: for a clock that seems to be wrong and is not',
      token,
    )
    .option(...JSON_OPTION)
    .addHelpText('after', STATUSES_OF_RESTORE)
    .action((file: string, { dataDir, replace, tokensAbove, json }: RestoreCommandOptions) =>
      restoreSnapshot(file, {
        dataDir,
        replace: replace === true,
        tokensAbove: tokensAbove ?? null,
        json: json === true,
      }),
    )
}

const STATUSES_OF_SAVE = `
Exit status: 0 FILE is there, whole and on the disk; 1 every node refused; 2 bad usage; 3 FILE cannot be written;
125 no endpoint sent a snapshot. Unless it is 0, whatever FILE was before is what it still is.`

const STATUSES_OF_INSPECT = `
Exit status: 0 it is whole; 2 bad usage; 3 it cannot be read, is damaged, cut short, of a newer program, or no saved snapshot.`

const STATUSES_OF_RESTORE = `
Exit status: 0 restored; 1 refused (DIR is not empty or in use, the clock is behind), and nothing was changed; 2 bad usage;
3 FILE is not whole, or the disk failed.`

function token(text: string): number {
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('not a token.')
  return value
}
