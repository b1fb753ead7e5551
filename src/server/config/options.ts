import { Command, CommanderError } from 'commander'
import { VERSION } from '../../version.js'
import { UsageError } from '../exit-codes.js'
import { exitStatusHelp } from '../exit-status.js'

export interface OptionSpec {
  /** The flag without its dashes; also the key in the configuration file. */
  readonly name: string
  /** What the value looks like, or null for a switch. */
  readonly value: string | null
  readonly help: string
}

/** Every option of `tnl-server`, in the order of `--help`. */
export const OPTIONS = [
  { name: 'node-id', value: 'ID', help: 'name of this node in its cluster (default n1)' },
  { name: 'listen', value: 'HOST[:PORT]', help: 'where clients connect (default localhost: 127.0.0.1 and ::1)' },
  { name: 'port', value: 'PORT', help: 'client port (default 7654)' },
  {
    name: 'advertise',
    value: 'HOST:PORT',
    help: 'client address of this node that redirects name (default as listened)',
  },
  { name: 'peer-listen', value: 'HOST[:PORT]', help: 'where other nodes connect (default 127.0.0.1:7655)' },
  {
    name: 'peer-secret-file',
    value: 'FILE',
    help: 'nodes prove to each other that they know a secret: one a line, 32 characters or more; the first proves, all are accepted',
  },
  {
    name: 'peer-secret',
    value: 'required|optional',
    help: 'optional: nodes without one are let in too, while a running cluster gets it (default required)',
  },
  {
    name: 'peer-tls',
    value: 'off|optional|required',
    help: 'optional: nodes without TLS are let in too, while a running cluster gets it (default required with the files, else off)',
  },
  { name: 'peer-tls-cert', value: 'FILE', help: "this node's certificate towards other nodes; it names the node id" },
  { name: 'peer-tls-key', value: 'FILE', help: 'its private key' },
  { name: 'peer-tls-ca', value: 'FILE', help: 'whose certificates of other nodes are believed' },
  {
    name: 'cluster-name',
    value: 'NAME',
    help: 'certificates of nodes name tnl://NAME/ID as a URI (default: the node id as a DNS name)',
  },
  {
    name: 'cluster',
    value: 'ID=HOST:PEERPORT,...',
    help: 'the first members, this one among them (default a cluster of one)',
  },
  { name: 'join', value: null, help: 'join the cluster of --cluster as a member added there by "tnl members add"' },
  { name: 'data-dir', value: 'DIR', help: 'data of this node (default ./tnl-data)' },
  { name: 'http', value: 'HOST:PORT|off', help: 'dashboard, health, status and metrics (default 127.0.0.1:7656)' },
  {
    name: 'tls',
    value: 'off|optional|required',
    help: 'TLS of clients and HTTP; optional: plain text on the same ports as well (default required with the files, else off)',
  },
  { name: 'tls-cert', value: 'FILE', help: 'certificate of this node towards clients; read again when it changes' },
  { name: 'tls-key', value: 'FILE', help: 'its private key' },
  { name: 'tls-client-ca', value: 'FILE', help: 'clients may show certificates of this authority' },
  {
    name: 'proxy-from',
    value: 'CIDR,...',
    help: 'relays that say by the PROXY protocol for whom they speak; all that comes from there must say so',
  },
  {
    name: 'lease',
    value: 'S',
    help: 'node lease in seconds, fixed when the cluster is formed (default 10, at least 3)',
  },
  { name: 'election-timeout', value: 'S', help: 'shortest election timeout; the longest is twice that (default 0.5)' },
  { name: 'heartbeat', value: 'S', help: 'interval of heartbeats (default 0.05)' },
  { name: 'request-timeout', value: 'S', help: 'how long a classic client waits for a quorum (default 5)' },
  {
    name: 'followers',
    value: 'serve|redirect',
    help: 'what a node that is not the leader does with clients (default serve)',
  },
  { name: 'allow-shutdown', value: null, help: 'allow .server-shutdown from this machine' },
  { name: 'allow-admin', value: null, help: 'allow administration from other machines' },
  {
    name: 'admin',
    value: 'on|off',
    help: 'off: no administration by clients, not even from this machine, for a proxy there (default on)',
  },
  {
    name: 'auth-file',
    value: 'FILE',
    help: 'YAML: who may what, by tokens and certificates; the same on every node, read again when it changes and on SIGHUP',
  },
  {
    name: 'audit-file',
    value: 'FILE',
    help: 'write down there who did what: administration, broken locks, freezes, refusals; opened again on SIGHUP',
  },
  { name: 'audit-grants', value: null, help: 'and every lock that is granted' },
  { name: 'max-line', value: 'BYTES', help: 'longest line of a client (default 4096)' },
  { name: 'max-connections', value: 'N', help: 'most client connections of this node (default 10000)' },
  {
    name: 'max-locks-per-session',
    value: 'N',
    help: 'most locks that one session may hold or wait for (default 1000, at most 10000)',
  },
  {
    name: 'metrics-prefixes',
    value: 'P,P,...',
    help: 'label metrics by these prefixes of lock names, the rest as "other" (default by the first 50 first segments seen)',
  },
  { name: 'log-level', value: 'LEVEL', help: 'debug, info, warn or error (default info)' },
  { name: 'info', value: null, help: 'the same as --log-level info' },
  { name: 'debug', value: null, help: 'the same as --log-level debug' },
] as const satisfies readonly OptionSpec[]

export type OptionName = (typeof OPTIONS)[number]['name']

const NAMES: ReadonlySet<string> = new Set(OPTIONS.map((option) => option.name))

const AFTER_OPTIONS = `
Each option can also be set by a variable (--data-dir is TNL_DATA_DIR) or in the file. Times are in seconds.

Exit status:
${exitStatusHelp()}

Examples:
  tnl-server
  tnl-server --node-id n1 --cluster n1=h1:7655,n2=h2:7655,n3=h3:7655 \\
             --listen 0.0.0.0 --advertise h1:7654 --peer-listen 0.0.0.0 --data-dir /var/lib/tnl`

export function isOptionName(name: string): name is OptionName {
  return NAMES.has(name)
}

export type CommandLine =
  | { readonly kind: 'run'; readonly settings: ReadonlyMap<OptionName, string>; readonly configFile: string | null }
  /** `--help` or `--version`: print and end with 0. */
  | { readonly kind: 'print'; readonly text: string }

/** Reads the words after the program's name. Switches have the value "true". Throws UsageError. */
export function parseCommandLine(words: readonly string[]): CommandLine {
  let printed = ''
  const command = describeCommand().configureOutput({ writeOut: (text) => (printed += text), writeErr: () => {} })
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'print', text: printed }
    throw new UsageError(error.message.replace(/^error: /, ''))
  }
  const values: Record<string, unknown> = command.opts()
  const settings = new Map<OptionName, string>()
  for (const { name } of OPTIONS) {
    const value = values[camelCase(name)]
    if (value !== undefined) settings.set(name, String(value))
  }
  const { config } = values
  return { kind: 'run', settings, configFile: config === undefined ? null : String(config) }
}

export function describeCommand(): Command {
  const command = new Command('tnl-server')
    .description(
      'One node of TcpNetLock: a lock server that you can drive with telnet. Without options, a cluster of one.',
    )
    .option('--config <FILE>', 'YAML file with these options as keys')
    .version(VERSION)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', AFTER_OPTIONS)
    .allowExcessArguments(false)
    .exitOverride()
  for (const { name, value, help } of OPTIONS)
    command.option(value === null ? `--${name}` : `--${name} <${value}>`, help)
  return command
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
