import { Command, InvalidArgumentError } from 'commander'
import { describeCommand as describeServer } from '../../server/config/options.js'
import { VERSION } from '../../version.js'
import { addMember, listMembers, promoteMember, readWait, removeMember, transferTo } from '../admin/members.js'
import { runStatus } from '../admin/status.js'
import { finishUpgrade, holdUpgrade, showUpgrade } from '../admin/upgrade.js'
import { runBench } from '../bench/bench.js'
import { createProgram as describeClient } from '../client/hold.js'
import { runCluster } from '../cluster/run-cluster.js'
import { printKeys } from '../completion/keys.js'
import { type Shell, scriptFor } from '../completion/print-script.js'
import { createProgram as describeDo } from '../do/flags.js'
import { directory } from '../shared/arguments.js'
import { endProgram } from '../shared/end-program.js'
import { SECURITY_KEYS } from '../shared/security-options.js'
import { INTERVAL_DEFAULT_MS } from '../top/limits.js'
import { runTop } from '../top/run-top.js'
import { ORDERS, type Order } from '../top/settings.js'
import { addAccess } from './commands-of-access.js'
import { addLockers } from './commands-of-lockers.js'
import { addOperators } from './commands-of-operators.js'
import { addReaders } from './commands-of-readers.js'
import { addRecover, addSnapshots } from './commands-of-snapshots.js'
import {
  type AskOptions,
  accessOf,
  addExamples,
  addExitStatuses,
  ENDPOINTS,
  explainExits,
  JSON_OPTION,
  oneOf,
  refuseUnknownWords,
  secureCommands,
  verbose,
} from './common-options.js'

/** The sister programs: each is an entry file of its own, `tnl-NAME`, and reads its own words. */
export const SISTERS = {
  server: 'one node (tnl-server)',
  do: 'run a command under a lock (tnl-do)',
  client: 'hold a lock until the end (tnl-client)',
} as const

const EXIT_STATUS_HELP = `0 done; 1 the cluster refused, or a check of the bench failed; 2 bad usage; 3 failed; 125 no endpoint answered. lock, unlock, execute and elect have their own: tnl lock --help.`

export function createTnl(): Command {
  const tnl = new Command('tnl')
    .description('TcpNetLock: a highly available lock server that you can drive with telnet')
    .version(VERSION)
    .exitOverride()
    .enablePositionalOptions()
  addExamples(
    tnl,
    'tnl cluster',
    'tnl status --endpoints n1:7654,n2:7654,n3:7654',
    'tnl do --lock-name backup -- ./backup.sh',
  )
  addExitStatuses(tnl, EXIT_STATUS_HELP)
  addLeadingOptions(tnl)
  tnl.commandsGroup('Locks:')
  addLockers(tnl)
  addSisters(tnl, 'do', 'client')
  tnl.commandsGroup('Looking:')
  addReaders(tnl)
  addTop(tnl)
  tnl.commandsGroup('Operating:')
  addOperators(tnl)
  tnl.commandsGroup('Clusters:')
  addCluster(tnl)
  addSisters(tnl, 'server')
  addStatus(tnl)
  addMembers(tnl)
  addUpgrade(tnl)
  addSnapshots(tnl)
  addAccess(tnl)
  addRecover(tnl)
  tnl.commandsGroup('Tools:')
  addBench(tnl)
  addCompletion(tnl)
  secureCommands(tnl)
  explainExits(tnl, Object.keys(SISTERS))
  return tnl
}

function addSisters(tnl: Command, ...names: readonly (keyof typeof SISTERS)[]): void {
  for (const name of names) tnl.command(name).description(SISTERS[name]).usage(`[options of tnl-${name}]`)
}

/** What may also stand before the command: whoever keeps `tnl --endpoints …` or consul-lock's `-v` in a variable writes it there. */
function addLeadingOptions(tnl: Command): void {
  tnl
    .option(...ENDPOINTS)
    .addOption(verbose().hideHelp())
    .hook('preAction', (_, action) => {
      const { verbose: leading = 0, ...before } = tnl.opts<AskOptions & { readonly verbose?: number }>()
      const own = action.opts<AskOptions & { readonly verbose?: number }>()
      for (const key of ['endpoints', ...SECURITY_KEYS] as const) {
        if (before[key] !== undefined && own[key] === undefined) action.setOptionValue(key, before[key])
      }
      if (leading > 0) action.setOptionValue('verbose', leading + (own.verbose ?? 0))
    })
}

interface ClusterCommandOptions {
  readonly nodes: number
  readonly dataDir?: string
  readonly basePort?: number
  readonly json?: true
}

interface TopFlags extends AskOptions {
  readonly interval: number
  readonly sort: Order
  readonly filter: string
  readonly once?: true
}

function addTop(tnl: Command): void {
  addExamples(tnl.command('top'), 'tnl top', 'tnl top --filter deploy/ --sort oldest', 'tnl top --once > now.txt')
    .description('live: who leads, how much is done, what is waited for most and longest')
    .option(...ENDPOINTS)
    .option('--interval <S>', 'seconds between two looks', positiveSeconds, INTERVAL_DEFAULT_MS / 1000)
    .option('--sort <both|waiters|oldest|held|name>', 'how to begin; keys change it', oneOf(...ORDERS), 'both')
    .option('--filter <PREFIX>', 'only names that begin so', '')
    .option('--once', 'print one frame as text: also where stdout is no terminal')
    .option('--json', 'a line of JSON a look; with --once a single one')
    .action(async (options: TopFlags) => {
      const { interval, sort, filter, once, json } = options
      const access = accessOf(options)
      await endProgram(
        await runTop({
          access,
          intervalMs: interval * 1000,
          order: sort,
          filter,
          once: once === true,
          json: json === true,
        }),
      )
    })
}

function addCluster(tnl: Command): void {
  const cluster = tnl.command('cluster')
  addExamples(
    cluster,
    'tnl cluster',
    'tnl cluster --nodes 5 --data-dir ./demo --base-port 9000',
    'tnl cluster -- --lease 5 --allow-admin',
  )
  cluster
    .description('a whole cluster on this machine, in the foreground')
    .option('--nodes <N>', 'how many nodes', wholeNumber, 3)
    .option('--data-dir <DIR>', 'keep the data there (default: temporary)', directory)
    .option('--base-port <PORT>', 'client port of the first node (default: 7654, or the next free block)', wholeNumber)
    .option(...JSON_OPTION)
    .argument('[options...]', 'after "--": options of tnl-server for every node')
    .action((extraWords: string[], { nodes, dataDir, basePort, json }: ClusterCommandOptions) =>
      runCluster({ nodes, dataDir, basePort, extraWords, json: json === true }),
    )
}

function addStatus(tnl: Command): void {
  addExamples(tnl.command('status'), 'tnl status --endpoints n1:7654,n2:7654 --json')
    .description('every node: role, term, commit, applied, lag, lease, feature level (cluster, program), version')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => runStatus(accessOf(options), options.json === true))
}

function addMembers(tnl: Command): void {
  const members = tnl.command('members').description('who belongs to the cluster; add, promote, remove')
  addExamples(
    members,
    'tnl members',
    'tnl members add n4 10.0.0.4:7655 --wait 60',
    'tnl members promote n4 --replaces n2',
    'tnl members remove n2',
  )
  const list = addExamples(members.command('list', { isDefault: true }), 'tnl members list --json')
  refuseUnknownWords(members, list)
  list
    .description('every member: role, addresses, who leads, how far behind')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => listMembers(accessOf(options), options.json === true))
  addExamples(members.command('add <NODE> <PEER>'), 'tnl members add n4 10.0.0.4:7655 --wait 60')
    .description('add NODE, reached at PEER (HOST:PEERPORT), as a learner; then start it with --join')
    .option(...ENDPOINTS)
    .option('--wait <S>', 'wait until it has caught up, and make it a voter')
    .option(...JSON_OPTION)
    .action((node: string, peer: string, options: AskOptions) =>
      addMember(accessOf(options), node, peer, readWait(options.wait), options.json === true),
    )
  addExamples(members.command('promote <NODE>'), 'tnl members promote n4 --replaces n2')
    .description('make a learner that has caught up a voter')
    .option(...ENDPOINTS)
    .option('--wait <S>', 'wait until it has caught up')
    .option('--replaces <OLD>', 'remove the voter OLD by the same change: a dead one first of all')
    .option(...JSON_OPTION)
    .action((node: string, options: AskOptions & { readonly replaces?: string }) => {
      const { wait, replaces, json } = options
      return promoteMember(accessOf(options), node, readWait(wait), replaces ?? null, json === true)
    })
  addExamples(members.command('remove <NODE>'), 'tnl members remove n2')
    .description('remove NODE, dead or alive; its data directory is of no use afterwards')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((node: string, options: AskOptions) => removeMember(accessOf(options), node, options.json === true))
  addExamples(tnl.command('transfer <NODE>'), 'tnl transfer n3')
    .description('hand the leadership to NODE')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((node: string, options: AskOptions) => transferTo(accessOf(options), node, options.json === true))
}

function addUpgrade(tnl: Command): void {
  const upgrade = tnl
    .command('upgrade')
    .description('what the cluster may use of a newer version: it rises when every member runs one that knows it')
  addExamples(upgrade, 'tnl upgrade', 'tnl upgrade hold', 'tnl upgrade finish --wait 60')
  const status = addExamples(upgrade.command('status', { isDefault: true }), 'tnl upgrade status --json')
  refuseUnknownWords(upgrade, status)
  status
    .description('the feature level, and who holds the next one back')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => showUpgrade(accessOf(options), options.json === true))
  addExamples(upgrade.command('hold'), 'tnl upgrade hold')
    .description('keep the feature level, so that every member can go back to the older version')
    .option(...ENDPOINTS)
    .option(...JSON_OPTION)
    .action((options: AskOptions) => holdUpgrade(accessOf(options), options.json === true))
  addExamples(upgrade.command('finish'), 'tnl upgrade finish --wait 60')
    .description('end the hold: the feature level may rise, and then no older version can come back')
    .option(...ENDPOINTS)
    .option('--wait <S>', 'wait until it has risen')
    .option(...JSON_OPTION)
    .action((options: AskOptions) => finishUpgrade(accessOf(options), readWait(options.wait), options.json === true))
}

function addCompletion(tnl: Command): void {
  const command = tnl.command('completion')
  addExamples(
    command,
    'source <(tnl completion bash)',
    'tnl completion bash > ~/.local/share/bash-completion/completions/tnl',
    'tnl completion fish > ~/.config/fish/completions/tnl.fish',
  )
  command
    .description('a script with which a shell completes commands, options and names of locks')
    .usage('[options] <bash|zsh|fish>')
    .argument('<bash|zsh|fish>', 'the shell', (text) => (text === KEYS ? KEYS : readShell(text)))
    .argument('[PREFIX]')
    .option(...ENDPOINTS)
    .action((shell: Shell | typeof KEYS, prefix: string | undefined, options: AskOptions) => {
      if (shell === KEYS) return printKeys(accessOf(options), prefix ?? '')
      const sisters = { server: describeServer(), do: describeDo(), client: describeClient() }
      process.stdout.write(scriptFor(shell, tnl, sisters))
      return undefined
    })
}

/** The word with which the scripts ask for names of locks. */
const KEYS = 'keys'
const readShell = oneOf('bash', 'zsh', 'fish')

interface BenchCommandOptions extends AskOptions {
  readonly clients: number
  readonly seconds: number
  readonly warmUp: number
  readonly names: 'distinct' | 'one'
  readonly dialect: 'classic' | 'session'
}

function addBench(tnl: Command): void {
  addExamples(tnl.command('bench'), 'tnl bench --clients 64 --seconds 5', 'tnl bench --names one --dialect session')
    .description('load and latency: lock and unlock in a closed loop')
    .option(...ENDPOINTS)
    .option('--clients <C>', 'how many at once', wholeNumber, 16)
    .option('--seconds <S>', 'how long', positiveSeconds, 10)
    .option('--warm-up <S>', 'not counted, before that', positiveSeconds, 1)
    .option('--names <distinct|one>', 'a lock for each client, or one for all', oneOf('distinct', 'one'), 'distinct')
    .option(
      '--dialect <classic|session>',
      'a connection a lock, or one connection',
      oneOf('classic', 'session'),
      'classic',
    )
    .option(...JSON_OPTION)
    .action((options: BenchCommandOptions) => {
      const { clients, seconds, warmUp, names, dialect, json } = options
      const access = accessOf(options)
      return runBench({ access, clients, seconds, warmUpSeconds: warmUp, names, dialect, json: json === true })
    })
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('not a whole number from 1.')
  return Number(text)
}

function positiveSeconds(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('not a number of seconds.')
  return Number(text)
}
