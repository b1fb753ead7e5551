/** The commands that show what there is, and change nothing. */
import type { Command } from 'commander'
import { type LocksOptions, listLocks, listMarks, listSessions } from '../reads/lists.js'
import { showHistory, showWho, showWhy } from '../reads/reports.js'
import { type WatchOptions, watchKey } from '../reads/watch.js'
import { onceCommands } from './commands-of-operators.js'
import { type AskOptions, addExamples, ENDPOINTS, endpointsOf, JSON_OPTION } from './common-options.js'

export function addReaders(tnl: Command): void {
  addExamples(tnl.command('locks'), 'tnl locks --prefix deploy/', "tnl locks --match 'deploy/.*/(web|db)' --json")
    .description('who has what: holds, tails (they have ended and still count) and names that are only waited for')
    .option('--prefix <P>', 'names that begin with P')
    .option('--match <RE>', 'names that match RE as a whole (RE2)')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions & LocksOptions) => listLocks(endpointsOf(options), options))
  addExamples(tnl.command('who <KEY>'), 'tnl who db/migrate')
    .description('who has KEY, and who waits for it')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions) => showWho(endpointsOf(options), key, options.json === true))
  addExamples(tnl.command('why <KEY>'), 'tnl why db/migrate', 'tnl why db/migrate --session 1873645362114')
    .description('why those wait who wait for KEY: what is in the way, since when, and what will end it')
    .option('--session <ID>', 'only the requests of this session')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions & { readonly session?: string }) =>
      showWhy(endpointsOf(options), key, options.session, options.json === true),
    )
  addExamples(tnl.command('history <KEY>'), 'tnl history db/migrate')
    .description('the last holds of KEY, and how each of them ended')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions) => showHistory(endpointsOf(options), key, options.json === true))
  addExamples(tnl.command('watch <KEY>'), 'tnl watch db/migrate', 'tnl watch --prefix deploy/ --json')
    .description('what happens to KEY, a line an event, until Ctrl-C')
    .option('--prefix', 'KEY is the beginning of names')
    .option('--since <I.K>', 'from behind this position, which an earlier line told')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions & WatchOptions) => watchKey(endpointsOf(options), key, options))
  addExamples(tnl.command('sessions'), 'tnl sessions')
    .description('who is connected, or may come back, and how much each of them holds')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => listSessions(endpointsOf(options), options.json === true))
  addExamples(onceCommands(tnl).command('list'), 'tnl once list')
    .description('every mark: what was done, when and by whom')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => listMarks(endpointsOf(options), options.json === true))
}
