/**
 * What is done to the data of a cluster: its state as a file, a cluster from such a file (docs/operations/backup.md), and a cluster
 * from what is left of one (docs/operations/lost-majority.md).
 */
import { type Command, InvalidArgumentError } from 'commander'
import { directory } from '../shared/arguments.js'
import { type AskOptions, accessOf, addExamples, addExitStatuses, ENDPOINTS, JSON_OPTION } from './common-options.js'

interface RestoreCommandOptions {
  readonly dataDir?: string
  readonly replace?: boolean
  readonly tokensAbove?: number
  readonly json?: boolean
}

/** What these commands do is loaded when one of them is called: it brings the store along (scripts/bundle.js). */
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
  addSave(snapshot)
  addInspect(snapshot)
  addRestore(snapshot)
}

function addSave(snapshot: Command): void {
  const save = snapshot.command('save <FILE>')
  addExamples(save, 'tnl snapshot save /backup/tnl-monday --endpoints n1:7654,n2:7654,n3:7654')
  addExitStatuses(
    save,
    '0 FILE is there, whole and on the disk; 1 every node refused; 2 bad usage; 3 FILE cannot be written; 125 no endpoint sent a snapshot. Unless it is 0, whatever FILE was before is what it still is.',
  )
    .description('all that the cluster has agreed on by now; FILE is written beside and renamed when it is whole')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action(async (file: string, options: AskOptions) => {
      const { saveSnapshot } = await import('../snapshot/save.js')
      await saveSnapshot(accessOf(options), file, options.json === true)
    })
}

function addInspect(snapshot: Command): void {
  const inspect = snapshot.command('inspect <FILE>')
  addExamples(inspect, 'tnl snapshot inspect /backup/tnl-monday --json')
  addExitStatuses(
    inspect,
    '0 it is whole; 2 bad usage; 3 it cannot be read, is damaged, cut short, of a newer program, or no saved snapshot.',
  )
    .description('verify a saved snapshot, and show what is in it')
    .option(...JSON_OPTION)
    .action(async (file: string, options: AskOptions) => {
      const { inspectSnapshot } = await import('../snapshot/inspect.js')
      await inspectSnapshot(file, options.json === true)
    })
}

function addRestore(snapshot: Command): void {
  const restore = snapshot.command('restore <FILE>')
  addExamples(restore, 'tnl snapshot restore /backup/tnl-monday --data-dir /var/lib/tnl     # on every node')
  addExitStatuses(
    restore,
    '0 restored; 1 refused (DIR is not empty or in use, the clock is behind), and nothing was changed; 2 bad usage; 3 FILE is not whole, or the disk failed.',
  )
    .description(
      'let the node of a data directory, which does not run, begin from a saved snapshot with all nodes of its --cluster: a new cluster with the marks, freezes and pinned limits of the saved one; sessions have ended, and tokens go on above all that were given',
    )
    .option('--data-dir <DIR>', 'of the node (default TNL_DATA_DIR, else ./tnl-data)', directory)
    .option('--replace', 'move what is in DIR aside, to DIR.before-TIME')
    .option(
      '--tokens-above <T>',
      'no token above T was ever given: where the clock is right and seems not to be',
      token,
    )
    .option(...JSON_OPTION)
    .action(async (file: string, { dataDir, replace, tokensAbove, json }: RestoreCommandOptions) => {
      const { restoreSnapshot } = await import('../snapshot/restore.js')
      await restoreSnapshot(file, {
        dataDir: dataDir ?? dataDirOfNode(),
        replace: replace === true,
        tokensAbove: tokensAbove ?? null,
        json: json === true,
      })
    })
}

interface RecoverCommandOptions {
  readonly dataDir?: string
  readonly to?: string
  readonly yesILostAMajority?: boolean
  readonly dryRun?: boolean
  readonly tokensAbove?: number
  readonly json?: boolean
}

export function addRecover(tnl: Command): void {
  const recover = tnl.command('recover')
  addExamples(
    recover,
    'tnl recover --data-dir /var/lib/tnl --dry-run     # on every machine that is left: which one knows most?',
    'tnl recover --data-dir /var/lib/tnl',
  )
  addExitStatuses(
    recover,
    '0 done, or shown; 1 refused (DIR is in use, or of no member of a larger cluster, the clock is behind, another name was typed), and nothing was changed; 2 bad usage; 3 DIR is damaged, or the disk failed.',
  )
    .description(
      'the last resort, when most nodes are lost for good with their disks: a new cluster of one from the directory of a node that is left and does not run. What only the lost nodes knew is gone; sessions end; marks, freezes and loose locks stay; tokens go on above all that were given',
    )
    .option('--data-dir <DIR>', 'of the node that is left (default TNL_DATA_DIR, else ./tnl-data)', directory)
    .option(
      '--to <DIR>',
      'make the new directory there (default: in place; what was there moves to DIR.before-TIME)',
      directory,
    )
    .option('--dry-run', 'say what is there and what would be lost, and change nothing')
    .option('--yes-i-lost-a-majority', 'do not ask for the name of the node')
    .option(
      '--tokens-above <T>',
      'no token above T was ever given: where the clock is right and seems not to be',
      token,
    )
    .option(...JSON_OPTION)
    .action(async ({ dataDir, to, yesILostAMajority, dryRun, tokensAbove, json }: RecoverCommandOptions) => {
      const { recoverAlone } = await import('../snapshot/recover.js')
      await recoverAlone({
        dataDir: dataDir ?? dataDirOfNode(),
        to: to ?? null,
        yes: yesILostAMajority === true,
        dryRun: dryRun === true,
        tokensAbove: tokensAbove ?? null,
        json: json === true,
      })
    })
}

/** As the node itself finds it: an empty variable counts as none. */
const dataDirOfNode = (): string => process.env.TNL_DATA_DIR || './tnl-data'

function token(text: string): number {
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('not a token.')
  return value
}
