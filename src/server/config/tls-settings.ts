/** TLS and relays: what is asked for. Whether the files are any good is seen when the node starts (server/tls). */
import { type Relays, relaysOf } from '../../sockets/proxy/relays.js'
import { UsageError } from '../exit-codes.js'
import { readChoice, readFile } from './plain-values.js'
import { type Settings, wrongValue } from './sources.js'

export interface TlsConfig {
  /** Absolute, like all files here. */
  readonly certFile: string
  readonly keyFile: string
  /** Whose certificates of clients are believed; null: none are asked for. */
  readonly clientCaFile: string | null
  /** False: plain text is let in on the same port. */
  readonly isRequired: boolean
}

export interface PeerTlsConfig {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** False: peers that speak plainly are let in, and dialled plainly where TLS fails. */
  readonly isRequired: boolean
  /** Null: a certificate names a node by DNS. */
  readonly clusterName: string | null
}

export interface ProxyConfig extends Relays {
  /** As it was given. */
  readonly text: string
}

const MODES = ['off', 'optional', 'required'] as const
const CLUSTER_NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** Files without a mode mean `required`; a mode without files is a mistake. */
export function readTls(settings: Settings, warnings: string[]): TlsConfig | null {
  const certFile = readFile(settings, 'tls-cert')
  const keyFile = readFile(settings, 'tls-key')
  const clientCaFile = readFile(settings, 'tls-client-ca')
  const mode = readMode(settings, 'tls', [certFile, keyFile, clientCaFile])
  if (mode === 'off') return null
  if (certFile === null || keyFile === null) throw missing(certFile, '--tls-cert', '--tls-key')
  if (mode === 'optional') {
    warnings.push(
      '--tls optional: clients without TLS are let in on the same ports (set --tls required when all have moved)',
    )
  }
  return { certFile, keyFile, clientCaFile, isRequired: mode === 'required' }
}

export function readPeerTls(settings: Settings, warnings: string[]): PeerTlsConfig | null {
  const certFile = readFile(settings, 'peer-tls-cert')
  const keyFile = readFile(settings, 'peer-tls-key')
  const caFile = readFile(settings, 'peer-tls-ca')
  const clusterName = readClusterName(settings)
  const mode = readMode(settings, 'peer-tls', [certFile, keyFile, caFile])
  if (mode === 'off') return null
  if (certFile === null || keyFile === null) throw missing(certFile, '--peer-tls-cert', '--peer-tls-key')
  if (caFile === null)
    throw new UsageError('--peer-tls-ca: is needed as well: whose certificates of peers are believed?')
  if (mode === 'optional') {
    warnings.push(
      '--peer-tls optional: peers without TLS are let in too (set --peer-tls required when all nodes have it)',
    )
  }
  return { certFile, keyFile, caFile, clusterName, isRequired: mode === 'required' }
}

export function readProxyFrom(settings: Settings): ProxyConfig | null {
  const setting = settings.find('proxy-from')
  if (setting === null) return null
  try {
    const relays = relaysOf(setting.text.split(',').map((text) => text.trim()))
    return { text: setting.text, has: (address) => relays.has(address) }
  } catch (error) {
    throw wrongValue(setting, error instanceof Error ? error.message : String(error))
  }
}

function readMode(
  settings: Settings,
  name: 'tls' | 'peer-tls',
  files: readonly (string | null)[],
): (typeof MODES)[number] {
  // What the variables of clients say (TNL_TLS=on), should they be set for both.
  if (settings.find(name)?.text === 'on') return 'required'
  return readChoice(settings, name, MODES, files.some((file) => file !== null) ? 'required' : 'off')
}

function readClusterName(settings: Settings): string | null {
  const setting = settings.find('cluster-name')
  if (setting === null) return null
  if (!CLUSTER_NAME.test(setting.text)) throw wrongValue(setting, 'must be 1 to 64 letters, digits, "_", "." or "-"')
  return setting.text
}

const missing = (certFile: string | null, cert: string, key: string): UsageError =>
  certFile === null
    ? new UsageError(`${cert}: is needed for TLS: the certificate as PEM, with those between it and its authority`)
    : new UsageError(`${key}: is needed for TLS: the private key of ${cert} as PEM`)
