/** The commands that show what there is, and change nothing. */
import type { Command } from 'commander'
import { showHistory } from '../reads/history.js'
import { type LocksOptions, listLocks, listMarks, listSessions } from '../reads/lists.js'
import { type WatchOptions, watchKey } from '../reads/watch.js'
import { showWho } from '../reads/who.js'
import { showWhy } from '../reads/why.js'
import { onceCommands } from './commands-of-operators.js'
import { type AskOptions, accessOf, addExamples, addExitStatuses, ENDPOINTS, JSON_OPTION } from './common-options.js'

const EXIT_STATUSES =
  '0 shown, also if there is nothing; 1 the cluster refused; 2 bad usage; 125 no endpoint answered, or none has a quorum.'

/** A command that reads: its help shows how it is called, what it may print, and what it may end with. */
function reading(command: Command, examples: readonly string[], printed: readonly string[] = []): Command {
  addExamples(command, ...examples)
  if (printed.length > 0) {
    command.addHelpText('after', `\nIt prints, for example:\n${printed.map((line) => `  ${line}`).join('\n')}`)
  }
  return addExitStatuses(command, EXIT_STATUSES)
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
}

export function addReaders(tnl: Command): void {
  addReports(tnl)
  addLists(tnl)
  reading(tnl.command('watch <KEY>'), ['tnl watch db/migrate', 'tnl watch --prefix deploy/ --json'])
    .description('what happens to KEY, a line an event, until Ctrl-C')
    .option('--prefix', 'KEY is the beginning of names')
    .option('--since <I.K>', 'from behind this position, which an earlier line told')
    .action((key: string, options: AskOptions & WatchOptions) => watchKey(accessOf(options), key, options))
}

function addReports(tnl: Command): void {
  reading(
    tnl.command('who <KEY>'),
    ['tnl who db/migrate', "tnl who db/migrate --json | jq '.holds[0].token'"],
    [
      'db/migrate: a lock, held, 1 waiting',
      '  HOLDER    NODE  MODE       TOKEN             HELD  LEFT',
      '  deploy-6  n1    exclusive  1882875951579141  40 s  lease, ≥ 10 s',
      '  WAITING  WHO       MODE       ASKED     GIVES UP',
      '  1        deploy-7  exclusive  12 s ago  in 48 s',
    ],
  )
    .description('who has KEY, since when and for how long at least (≥) or at most (≤), and who waits for it')
    .action((key: string, options: AskOptions) => showWho(accessOf(options), key, options.json === true))
  reading(
    tnl.command('why <KEY>'),
    ['tnl why db/migrate', 'tnl why db/migrate --session 1882875951579138'],
    [
      'deploy-7 (session 1882875951579138) has waited 12 s for db/migrate,',
      '    at position 1, and waits for 48 s more at most:',
      '  - db/migrate is held by deploy-6 (token 1882875951579141) on n1 for 40 s,',
      '    until it gives it back or its client has been gone for 10 s',
      '  and deploy-6 waits: db/schema is held by backup-1 (token',
      '    1882875951579142) on n3 for 3 min 5 s, and for 5 min 15 s more at most',
    ],
  )
    .description('why those wait who wait for KEY: what is in the way, since when, and what will end it')
    .option('--session <ID>', 'only the requests of this session (tnl sessions)')
    .action((key: string, options: AskOptions & { readonly session?: string }) =>
      showWhy(accessOf(options), key, options.session, options.json === true),
    )
  reading(tnl.command('history <KEY>'), ['tnl history db/migrate', "tnl history db/migrate --json | jq '.[0].how'"])
    .description('the last holds of KEY, the newest first, and how each of them ended')
    .action((key: string, options: AskOptions) => showHistory(accessOf(options), key, options.json === true))
}

function addLists(tnl: Command): void {
  reading(tnl.command('locks'), [
    'tnl locks --prefix deploy/ --contended',
    "tnl locks --match 'deploy/.*/(web|db)' --json",
  ])
    .description('who has what: holds, tails (they have ended and still count) and names that are only waited for')
    .option('--prefix <P>', 'names that begin with P')
    .option('--match <RE>', 'names that match RE as a whole (RE2)')
    .option('--contended', 'only what somebody waits for')
    .action((options: AskOptions & LocksOptions) => listLocks(accessOf(options), options))
  reading(tnl.command('sessions'), ['tnl sessions', "tnl sessions --json | jq '.[] | select(.places > 0)'"])
    .description('who is connected, or may come back, and how much each of them holds and waits for')
    .action((options: AskOptions) => listSessions(accessOf(options), options.json === true))
  reading(onceCommands(tnl).command('list'), ['tnl once list'])
    .description('every mark: what was done, when and by whom')
    .action((options: AskOptions) => listMarks(accessOf(options), options.json === true))
}
