/** The commands by which operators act on locks. */
import type { Command } from 'commander'
import {
  type ForceOptions,
  type FreezeOptions,
  forceRelease,
  forgetMark,
  freeze,
  type ResizeOptions,
  resize,
  thaw,
} from '../admin/locks.js'
import { type AskOptions, accessOf, addExamples, ENDPOINTS, JSON_OPTION } from './common-options.js'

export function addOperators(tnl: Command): void {
  addExamples(
    tnl.command('force-release <KEY>'),
    'tnl force-release db/migrate --token 1873645362112 --reason "host is gone"',
  )
    .description('break one hold; the lock passes on when its holder has let go, or cannot believe in it any more')
    .option('--token <T>', 'of the hold, as tnl who shows it (needed)')
    .option('--reason <TEXT>', 'for whoever loses the lock (needed)')
    .option('--now', 'pass it on at once: for a while two may hold')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions & ForceOptions) => forceRelease(accessOf(options), key, options))
  addExamples(tnl.command('resize <KEY>'), 'tnl resize builders --limit 5', 'tnl resize builders --reset')
    .description('set the limit of a semaphore, whatever requests say; nobody loses permits')
    .option('--limit <N>', 'how many permits there are')
    .option('--reset', 'let the limit be what requests say again')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions & ResizeOptions) => resize(accessOf(options), key, options))
  addExamples(
    tnl.command('freeze <PREFIX>'),
    'tnl freeze deploy/ --for 3600 --reason "release week"',
    `tnl freeze '' --until 2030-01-31T08:00Z --reason maintenance`,
  )
    .description("no new holds of names that begin with PREFIX ('': of all); who holds or waits stays")
    .option('--reason <TEXT>', 'for whoever is refused (needed)')
    .option('--until <T>', 'unix seconds, or a time such as 2030-01-31T08:00Z')
    .option('--for <S>', 'seconds from now')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((prefix: string, options: AskOptions & FreezeOptions) => freeze(accessOf(options), prefix, options))
  addExamples(tnl.command('thaw <PREFIX>'), 'tnl thaw deploy/')
    .description('end a freeze: those who waited follow in their order')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((prefix: string, options: AskOptions) => thaw(accessOf(options), prefix, options))
  addExamples(onceCommands(tnl).command('forget <KEY>'), 'tnl once forget migrate-2030-01-31')
    .description('take the mark away: whoever asks for KEY next runs again')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((key: string, options: AskOptions) => forgetMark(accessOf(options), key, options))
}

/** `tnl once …`: made by whoever comes first. */
export function onceCommands(tnl: Command): Command {
  const made = tnl.commands.find((command) => command.name() === 'once')
  if (made !== undefined) return made
  const once = tnl.command('once').description('what was done once and for all (tnl-do --once)')
  return addExamples(once, 'tnl once forget migrate-2030-01-31')
}
