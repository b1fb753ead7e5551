import { Command, InvalidArgumentError } from 'commander'
import { VERSION } from '../version.js'
import { runBench } from './bench/bench.js'
import { runCluster } from './cluster.js'
import { readEndpoints } from './endpoints-option.js'
import { addMember, listMembers, promoteMember, readWait, removeMember, transferTo } from './members.js'
import { runStatus } from './status.js'

const ENDPOINTS = ['--endpoints <H:P,...>', 'nodes to ask (default TNL_ENDPOINTS, else localhost:7654)'] as const

/** The sister programs; each is an entry file of its own and reads its own words. */
const SISTERS: Readonly<Record<string, { readonly help: string; load(): Promise<unknown> }>> = {
  server: { help: 'one node (tnl-server)', load: () => import('./tnl-server.js') },
  do: { help: 'run a command under a lock (tnl-do)', load: () => import('./tnl-do.js') },
  client: { help: 'hold a lock until the end (tnl-client)', load: () => import('./tnl-client.js') },
}

/** `tnl do …` becomes `tnl-do …` in this very process: signals and exit status are its own. True if it was one of these. */
export async function delegate(words: readonly string[]): Promise<boolean> {
  const sister = Object.hasOwn(SISTERS, words[0] ?? '') ? SISTERS[words[0] ?? ''] : undefined
  if (sister === undefined) return false
  process.argv.splice(2, 1)
  await sister.load()
  return true
}

export function createTnl(): Command {
  const tnl = new Command('tnl')
    .description('TcpNetLock: a highly available lock server that you can drive with telnet')
    .version(VERSION)
    .exitOverride()
  for (const [name, { help }] of Object.entries(SISTERS)) {
    tnl.command(name).description(help).usage(`[options of tnl-${name}]`)
  }
  addCluster(tnl)
  addStatus(tnl)
  addMembers(tnl)
  addBench(tnl)
  return tnl
}

function addCluster(tnl: Command): void {
  tnl
    .command('cluster')
    .description('a whole cluster on this machine, in the foreground')
    .option('--nodes <N>', 'how many nodes', wholeNumber, 3)
    .option('--data-dir <DIR>', 'keep the data there (default: temporary)')
    .argument('[options...]', 'after "--": options of tnl-server for every node')
    .action((extraWords: string[], { nodes, dataDir }: { nodes: number; dataDir?: string }) =>
      runCluster({ nodes, dataDir, extraWords }),
    )
}

interface AskOptions {
  readonly endpoints?: string
  readonly json?: boolean
  readonly wait?: string
}

const endpointsOf = ({ endpoints }: AskOptions) => readEndpoints(endpoints, process.env)

function addStatus(tnl: Command): void {
  tnl
    .command('status')
    .description('every node: role, term, commit, applied, lag, lease, version')
    .option(...ENDPOINTS)
    .option('--json', 'as JSON')
    .action((options: AskOptions) => runStatus(endpointsOf(options), options.json === true))
}

function addMembers(tnl: Command): void {
  const members = tnl.command('members').description('who belongs to the cluster; add, promote, remove')
  members
    .command('list', { isDefault: true })
    .option(...ENDPOINTS)
    .option('--json', 'as JSON')
    .action((options: AskOptions) => listMembers(endpointsOf(options), options.json === true))
  members
    .command('add <NODE> <PEER>')
    .description('add NODE, reached at PEER (HOST:PEERPORT), as a learner; then start it with --join')
    .option(...ENDPOINTS)
    .option('--wait <S>', 'wait until it has caught up, and make it a voter')
    .action((node: string, peer: string, options: AskOptions) =>
      addMember(endpointsOf(options), node, peer, readWait(options.wait)),
    )
  members
    .command('promote <NODE>')
    .description('make a learner that has caught up a voter')
    .option(...ENDPOINTS)
    .option('--wait <S>', 'wait until it has caught up')
    .option('--replaces <OLD>', 'remove the voter OLD by the same change: a dead one first of all')
    .action((node: string, options: AskOptions & { readonly replaces?: string }) =>
      promoteMember(endpointsOf(options), node, readWait(options.wait), options.replaces ?? null),
    )
  members
    .command('remove <NODE>')
    .option(...ENDPOINTS)
    .action((node: string, options: AskOptions) => removeMember(endpointsOf(options), node))
  tnl
    .command('transfer <NODE>')
    .description('hand the leadership to NODE')
    .option(...ENDPOINTS)
    .action((node: string, options: AskOptions) => transferTo(endpointsOf(options), node))
}

interface BenchCommandOptions extends AskOptions {
  readonly clients: number
  readonly seconds: number
  readonly warmUp: number
  readonly names: 'distinct' | 'one'
  readonly dialect: 'classic' | 'session'
}

function addBench(tnl: Command): void {
  tnl
    .command('bench')
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
    .option('--json', 'as JSON')
    .action((options: BenchCommandOptions) => {
      const { clients, seconds, warmUp, names, dialect, json } = options
      const endpoints = endpointsOf(options)
      return runBench({ endpoints, clients, seconds, warmUpSeconds: warmUp, names, dialect, json: json === true })
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

function oneOf<T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice === undefined) throw new InvalidArgumentError(`must be ${choices.join(' or ')}.`)
    return choice
  }
}
