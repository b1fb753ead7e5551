/** TLS and tokens on the command line: the same words for every program that speaks to nodes. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { InvalidOptionError } from '../../client/errors.js'
import { credentialsOf, InvalidVariableError, warningOf } from '../../client/security/credential-options.js'
import type { Credentials } from '../../client/security/credentials.js'
import type { Said, SaidTls } from '../../client/security/tls-source.js'
import { writeStderr } from './log.js'

export interface SecurityFlags {
  readonly tls?: true
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsServerName?: string
  readonly tokenFile?: string
  readonly insecureAuth?: true
}

const GROUP = 'Security:'

const FLAGS: readonly (readonly [flags: string, help: string])[] = [
  ['--tls', 'speak TLS; each of the next four says so too (variable TNL_TLS=on)'],
  ['--tls-ca <FILE>', 'who may vouch for a node (variable TNL_TLS_CA; default: whom this system trusts)'],
  ['--tls-cert <FILE>', 'the certificate of this client (variable TNL_TLS_CERT)'],
  ['--tls-key <FILE>', 'its key (variable TNL_TLS_KEY)'],
  [
    '--tls-server-name <HOST>',
    'what the certificate of a node has to name (variable TNL_TLS_SERVER_NAME; default: its endpoint)',
  ],
  [
    '--token-file <FILE>',
    'the token that says who this is (variable TNL_TOKEN_FILE; or the token itself in TNL_TOKEN)',
  ],
  ['--insecure-auth', 'send the token in plain text too, to other hosts'],
]

export function addSecurityOptions(command: Command): Command {
  for (const [flags, help] of FLAGS) command.addOption(new Option(flags, help).helpGroup(GROUP))
  return command
}

/** The names of the values, as commander keeps them. */
export const SECURITY_KEYS: readonly (keyof SecurityFlags)[] = [
  'tls',
  'tlsCa',
  'tlsCert',
  'tlsKey',
  'tlsServerName',
  'tokenFile',
  'insecureAuth',
]

/** Throws commander's InvalidArgumentError; one of its own class if a variable is wrong. */
export function readSecurity(flags: SecurityFlags, env: Readonly<Record<string, string | undefined>>): Credentials {
  const { tls, tokenFile, insecureAuth } = flags
  try {
    const credentials = credentialsOf(
      { isOn: tls, tls: tlsOf(flags), tokenFile: said(tokenFile, '--token-file'), insecureAuth },
      env,
    )
    const warning = warningOf(tokenFile ?? env.TNL_TOKEN_FILE)
    if (warning !== null) writeStderr(`${warning}\n`)
    return credentials
  } catch (error) {
    if (error instanceof InvalidVariableError) throw new InvalidVariableArgument(error.message)
    if (error instanceof InvalidOptionError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

/** A variable is wrong, not the command line. */
export class InvalidVariableArgument extends InvalidArgumentError {}

function tlsOf({ tlsCa, tlsCert, tlsKey, tlsServerName }: SecurityFlags): SaidTls {
  return {
    ...(tlsCa !== undefined && { ca: { value: tlsCa, by: '--tls-ca' } }),
    ...(tlsCert !== undefined && { cert: { value: tlsCert, by: '--tls-cert' } }),
    ...(tlsKey !== undefined && { key: { value: tlsKey, by: '--tls-key' } }),
    ...(tlsServerName !== undefined && { serverName: { value: tlsServerName, by: '--tls-server-name' } }),
  }
}

function said(value: string | undefined, by: string): Said<string> | undefined {
  return value === undefined ? undefined : { value, by }
}
