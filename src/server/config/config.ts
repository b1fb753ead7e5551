import { resolve } from 'node:path'
import {
  AddressError,
  formatHostPort,
  type HostPort,
  isLocalAddress,
  isLoopbackHost,
  isWildcardHost,
  parseHostPort,
  parsePort,
} from '../../address.js'
import { LOCKS_PER_SESSION_MAX } from '../../locks/limits.js'
import { CLIENT_PORT_DEFAULT, LINE_MAX_BYTES, LOCKS_PER_SESSION_MAX_COUNT } from '../../protocol/limits.js'
import { isNamePrefix } from '../../protocol/values.js'
import { UsageError } from '../exit-codes.js'
import { METRICS_PREFIXES_MAX_COUNT } from '../limits.js'
import { LOG_LEVELS, type LogLevel } from '../logging/logger.js'
import { type AccessSettings, readAudit, readRights, warnOfOpenDoors } from './access-settings.js'
import { type CommandLine, parseCommandLine } from './options.js'
import { readChoice, readInteger, readSeconds, readSwitch } from './plain-values.js'
import {
  type Setting,
  Settings,
  settingsOfEnvironment,
  settingsOfFile,
  settingsOfFlags,
  wrongValue,
} from './sources.js'
import {
  type PeerTlsConfig,
  type ProxyConfig,
  readPeerTls,
  readProxyFrom,
  readTls,
  type TlsConfig,
} from './tls-settings.js'

export interface ClusterMember {
  readonly nodeId: string
  /** HOST:PORT of its peer port. */
  readonly peerAddress: string
}

/** How this node runs. All times in milliseconds. */
export interface ServerConfig extends AccessSettings {
  readonly nodeId: string
  /** Host `localhost` stands for 127.0.0.1 and, where the machine has it, ::1. */
  readonly listen: HostPort
  /** HOST:PORT that redirects to this node name. */
  readonly advertise: string
  readonly peerListen: HostPort
  /** Absolute; null: peers are not authenticated. */
  readonly peerSecretFile: string | null
  /** False: peers without a secret are let in as well. */
  readonly isPeerSecretRequired: boolean
  /** Null: peers speak plainly. */
  readonly peerTls: PeerTlsConfig | null
  /** Of clients and HTTP. Null: they speak plainly. */
  readonly tls: TlsConfig | null
  /** Null: no relay's word is believed. */
  readonly proxyFrom: ProxyConfig | null
  /** The first members; one with the own node id is among them unless `join`. */
  readonly cluster: readonly ClusterMember[]
  /** This node does not form a cluster: it was added to the one of `cluster`. */
  readonly join: boolean
  /** Absolute. */
  readonly dataDir: string
  /** Null: no HTTP. */
  readonly http: HostPort | null
  readonly leaseMs: number
  /** The shortest; the longest is twice that. */
  readonly electionTimeoutMs: number
  readonly heartbeatMs: number
  readonly requestTimeoutMs: number
  readonly followers: 'serve' | 'redirect'
  readonly maxLineBytes: number
  readonly maxConnections: number
  readonly maxLocksPerSession: number
  /** Empty: by the first segments seen. */
  readonly metricsPrefixes: readonly string[]
  readonly logLevel: LogLevel
}

export type ParsedConfig =
  | { readonly kind: 'run'; readonly config: ServerConfig; readonly warnings: readonly string[] }
  | Extract<CommandLine, { kind: 'print' }>

const DEFAULT_NODE_ID = 'n1'
const DEFAULT_PEER_PORT = 7655
const DEFAULT_DATA_DIR = 'tnl-data'
const DEFAULT_HTTP: HostPort = { host: '127.0.0.1', port: 7656 }
const NODE_ID = /^[A-Za-z0-9_.-]{1,64}$/
const SECOND_MS = 1000

/** Flags, else `TNL_…` variables, else `--config FILE`, else defaults. Throws UsageError naming flag and value. */
export function parseServerConfig(words: readonly string[], environment: NodeJS.ProcessEnv): ParsedConfig {
  const line = parseCommandLine(words)
  if (line.kind === 'print') return line
  const warnings: string[] = []
  const file = line.configFile ?? (environment.TNL_CONFIG || null)
  const settings = new Settings([
    settingsOfFlags(line.settings),
    settingsOfEnvironment(environment, warnings),
    file === null ? new Map() : settingsOfFile(file),
  ])
  return { kind: 'run', config: readConfig(settings, warnings), warnings }
}

function readConfig(settings: Settings, warnings: string[]): ServerConfig {
  const nodeId = readNodeId(settings)
  const listen = readListen(settings)
  const members = readMembers(settings)
  const join = readSwitch(settings, 'join')
  const own = members.find((member) => member.nodeId === nodeId)
  const peerTls = readPeerTls(settings, warnings)
  const peerListen = readPeerListen(settings, own, peerTls, warnings)
  checkMembership(settings, members, own, join)
  const { file: peerSecretFile, isRequired: isPeerSecretRequired } = readPeerSecret(settings)
  const config: ServerConfig = {
    nodeId,
    listen,
    advertise: readAdvertise(settings, listen, warnings),
    peerListen,
    peerSecretFile,
    isPeerSecretRequired,
    peerTls,
    tls: readTls(settings, warnings),
    proxyFrom: readProxyFrom(settings),
    cluster: members.length > 0 ? members : [{ nodeId, peerAddress: formatHostPort(peerListen) }],
    join,
    dataDir: readDataDir(settings),
    http: readHttp(settings),
    leaseMs: readSeconds(settings, 'lease', 10, 3, 86_400),
    electionTimeoutMs: readSeconds(settings, 'election-timeout', 0.5, 0.05, 60),
    heartbeatMs: readSeconds(settings, 'heartbeat', 0.05, 0.005, 10),
    requestTimeoutMs: readSeconds(settings, 'request-timeout', 5, 0.1, 3600),
    followers: readChoice(settings, 'followers', ['serve', 'redirect'] as const, 'serve'),
    ...readRights(settings, warnings),
    ...readAudit(settings),
    maxLineBytes: readInteger(settings, 'max-line', LINE_MAX_BYTES, 64, 1_048_576),
    maxConnections: readInteger(settings, 'max-connections', 10_000, 1, 1_000_000),
    maxLocksPerSession: readInteger(
      settings,
      'max-locks-per-session',
      LOCKS_PER_SESSION_MAX_COUNT,
      1,
      LOCKS_PER_SESSION_MAX,
    ),
    metricsPrefixes: readMetricsPrefixes(settings),
    logLevel: readLogLevel(settings),
  }
  warnOfOpenDoors(config, warnings)
  checkTimes(config)
  return config
}

// -------------------------------------------------------------------------------------- cluster and addresses

function readNodeId(settings: Settings): string {
  const setting = settings.find('node-id')
  if (setting === null) {
    const cluster = settings.find('cluster')
    if (cluster !== null) throw wrongValue(cluster, 'needs --node-id as well: which of these is this node?')
    return DEFAULT_NODE_ID
  }
  if (!NODE_ID.test(setting.text)) throw wrongValue(setting, 'must be 1 to 64 letters, digits, "_", "." or "-"')
  return setting.text
}

function readMembers(settings: Settings): readonly ClusterMember[] {
  const setting = settings.find('cluster')
  if (setting === null) return []
  const members = setting.text.split(',').map((item) => readMember(setting, item.trim()))
  for (const key of ['nodeId', 'peerAddress'] as const) {
    const values = members.map((member) => member[key])
    const twice = values.find((value, index) => values.indexOf(value) !== index)
    if (twice !== undefined) throw wrongValue(setting, `${twice} stands there twice`)
  }
  return members
}

function readMember(setting: Setting, item: string): ClusterMember {
  const equals = item.indexOf('=')
  const nodeId = item.slice(0, Math.max(equals, 0)).trim()
  if (!NODE_ID.test(nodeId)) throw wrongValue(setting, `"${item}" is not ID=HOST:PEERPORT`)
  const address = addressOf(setting, () => parseHostPort(item.slice(equals + 1).trim()), `"${item}": `)
  return { nodeId, peerAddress: formatHostPort(address) }
}

function checkMembership(
  settings: Settings,
  members: readonly ClusterMember[],
  own: ClusterMember | undefined,
  join: boolean,
): void {
  const cluster = settings.find('cluster')
  if (join && cluster === null) throw new UsageError('--join: needs --cluster: the members that this node should find')
  if (!join && cluster !== null && own === undefined) {
    const ids = members.map((member) => member.nodeId).join(', ')
    throw wrongValue(
      cluster,
      `this node's own --node-id is not among ${ids} (to be added to a running cluster: --join)`,
    )
  }
}

/** `--port` and the port in `--listen`: whichever was set at the stronger place counts. */
function readListen(settings: Settings): HostPort {
  const listen = settings.find('listen')
  const port = settings.find('port')
  const chosenPort = port === null ? null : addressOf(port, () => parsePort(port.text))
  if (listen === null) return { host: 'localhost', port: chosenPort ?? CLIENT_PORT_DEFAULT }
  const withoutPort = addressOf(listen, () => parseHostPort(listen.text, CLIENT_PORT_DEFAULT))
  if (port === null || chosenPort === null) return withoutPort
  const namesPort = addressOf(listen, () => parseHostPort(listen.text, chosenPort)).port === withoutPort.port
  if (namesPort && listen.rank === port.rank && withoutPort.port !== chosenPort) {
    throw wrongValue(port, `--listen ${listen.text} names another port`)
  }
  return namesPort && listen.rank < port.rank ? withoutPort : { host: withoutPort.host, port: chosenPort }
}

function readPeerListen(
  settings: Settings,
  own: ClusterMember | undefined,
  tls: PeerTlsConfig | null,
  warnings: string[],
): HostPort {
  const setting = settings.find('peer-listen')
  const ownAddress = own === undefined ? null : parseHostPort(own.peerAddress)
  const port = ownAddress?.port ?? DEFAULT_PEER_PORT
  const listen =
    setting === null ? { host: '127.0.0.1', port } : addressOf(setting, () => parseHostPort(setting.text, port))
  if (!isLoopbackHost(listen.host)) {
    const { file, isRequired } = readPeerSecret(settings)
    const where = `let nobody else reach --peer-listen ${formatHostPort(listen)}`
    if (tls?.isRequired === true) return listen
    if (file === null) warnings.push(`peers are not authenticated (--peer-tls-cert, or --peer-secret-file): ${where}`)
    else if (!isRequired) warnings.push(`peers without a secret are let in too (--peer-secret optional): ${where}`)
  } else if (ownAddress !== null && !isLoopbackHost(ownAddress.host)) {
    warnings.push(`peers cannot reach ${formatHostPort(ownAddress)}: --peer-listen is ${formatHostPort(listen)}`)
  }
  return listen
}

function readPeerSecret(settings: Settings): { readonly file: string | null; readonly isRequired: boolean } {
  const setting = settings.find('peer-secret-file')
  const use = readChoice(settings, 'peer-secret', ['required', 'optional'] as const, 'required')
  const useSetting = settings.find('peer-secret')
  if (setting === null && useSetting !== null) throw wrongValue(useSetting, 'needs --peer-secret-file as well')
  if (setting?.text === '') throw wrongValue(setting, 'must name a file')
  return { file: setting === null ? null : resolve(setting.text), isRequired: use === 'required' }
}

function readAdvertise(settings: Settings, listen: HostPort, warnings: string[]): string {
  const setting = settings.find('advertise')
  const host = isWildcardHost(listen.host) ? 'localhost' : listen.host
  const address = setting === null ? { host, port: listen.port } : addressOf(setting, () => parseHostPort(setting.text))
  const advertise = formatHostPort(address)
  if (isLocalAddress(advertise) && !isLoopbackHost(listen.host)) {
    warnings.push(
      `clients on other machines are never sent to this node, because --advertise is ${advertise}: name an address that they can reach`,
    )
  }
  return advertise
}

function readDataDir(settings: Settings): string {
  const text = settings.find('data-dir')?.text ?? DEFAULT_DATA_DIR
  if (text === '') throw new UsageError('--data-dir is empty; the present directory is "."')
  try {
    return resolve(text)
  } catch {
    throw new UsageError(`--data-dir ${text}: the working directory no longer exists: give a path that begins with /`)
  }
}

function readHttp(settings: Settings): HostPort | null {
  const setting = settings.find('http')
  if (setting === null) return DEFAULT_HTTP
  return setting.text === 'off' ? null : addressOf(setting, () => parseHostPort(setting.text, DEFAULT_HTTP.port))
}

function addressOf<T>(setting: Setting, parse: () => T, prefix = ''): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof AddressError) throw wrongValue(setting, prefix + error.message)
    throw error
  }
}

function readMetricsPrefixes(settings: Settings): readonly string[] {
  const setting = settings.find('metrics-prefixes')
  if (setting === null) return []
  const prefixes = setting.text.split(',').map((text) => text.trim())
  const wrong = prefixes.find((text) => text === '' || !isNamePrefix(text))
  if (wrong !== undefined) throw wrongValue(setting, `"${wrong}" is not the beginning of a lock name`)
  if (prefixes.length > METRICS_PREFIXES_MAX_COUNT) {
    throw wrongValue(setting, `at most ${METRICS_PREFIXES_MAX_COUNT} prefixes: each is a dozen series of every metric`)
  }
  return [...new Set(prefixes)]
}

/** `--debug` and `--info` are short for `--log-level`; the one set at the stronger place counts. */
function readLogLevel(settings: Settings): LogLevel {
  const level = readChoice(settings, 'log-level', LOG_LEVELS, 'info')
  let rank = settings.find('log-level')?.rank ?? Number.POSITIVE_INFINITY
  let chosen = level
  for (const name of ['debug', 'info'] as const) {
    const short = settings.find(name)
    if (!readSwitch(settings, name) || short === null || short.rank >= rank) continue
    chosen = name
    rank = short.rank
  }
  return chosen
}

// ------------------------------------------------------------------------------------------------------ times

/** Rule 0: a right to speak must outlast the longest election, and all that is left of it must suffice to close everything. */
/** Throws UsageError if the times do not fit each other (rules.md rule 0). */
export function checkTimes(config: ServerConfig): void {
  const { leaseMs, electionTimeoutMs, heartbeatMs, maxConnections } = config
  if (electionTimeoutMs < 3 * heartbeatMs) {
    throw new UsageError(
      `--election-timeout ${electionTimeoutMs / SECOND_MS}: must be at least 3 times --heartbeat ${heartbeatMs / SECOND_MS}`,
    )
  }
  const neededMs = 2 * (2 * electionTimeoutMs) + 50 + maxConnections * 0.05
  // In whole microseconds: 0.7 of a lease has no exact binary form and the bound itself is allowed.
  if (Math.round(leaseMs * 700) >= Math.round(neededMs * 1000)) return
  const leastSeconds = Math.ceil(neededMs / 0.7) / SECOND_MS
  throw new UsageError(
    `--lease ${leaseMs / SECOND_MS}: too short for --election-timeout ${electionTimeoutMs / SECOND_MS} and ` +
      `--max-connections ${maxConnections}: at least ${leastSeconds} seconds, or make those smaller`,
  )
}
