/** Settings of who may what: administration, the auth file, the audit. */
import { formatHostPort, type HostPort, isLoopbackHost } from '../../address.js'
import type { AdminFrom } from '../../service/access/open-policy.js'
import { readFile, readSwitch } from './plain-values.js'
import { type Settings, wrongValue } from './sources.js'

export interface AccessSettings {
  readonly allowShutdown: boolean
  readonly adminFrom: AdminFrom
  /** Absolute; null: everybody may lock and see, and `adminFrom` says who administers. */
  readonly authFile: string | null
  /** Absolute; null: nothing is written down. */
  readonly auditFile: string | null
  readonly isAuditOfGrants: boolean
}

interface OpenDoors {
  readonly authFile: string | null
  readonly tls: { readonly isRequired: boolean } | null
  readonly listen: HostPort
  readonly http: HostPort | null
}

/** `--admin off` wins over all that a client may do because it is, or seems to be, on this machine. */
export function readRights(
  settings: Settings,
  warnings: string[],
): Pick<AccessSettings, 'allowShutdown' | 'adminFrom' | 'authFile'> {
  const authFile = readFile(settings, 'auth-file')
  const allowShutdown = readSwitch(settings, 'allow-shutdown')
  const allowAdmin = readSwitch(settings, 'allow-admin')
  const isOn = readSwitch(settings, 'admin', true)
  if (allowShutdown || allowAdmin) {
    if (!isOn) warnings.push('--admin is off: --allow-admin and --allow-shutdown are ignored')
    else if (authFile !== null) warnings.push('--auth-file decides: --allow-admin and --allow-shutdown are ignored')
  }
  if (!isOn) return { allowShutdown: false, adminFrom: 'nowhere', authFile }
  return { allowShutdown, adminFrom: allowAdmin ? 'anywhere' : 'this machine', authFile }
}

export function readAudit(settings: Settings): Pick<AccessSettings, 'auditFile' | 'isAuditOfGrants'> {
  const auditFile = readFile(settings, 'audit-file')
  const grants = settings.find('audit-grants')
  const isAuditOfGrants = readSwitch(settings, 'audit-grants')
  if (isAuditOfGrants && auditFile === null && grants !== null) throw wrongValue(grants, 'needs --audit-file as well')
  return { auditFile, isAuditOfGrants }
}

/** Of ports that others than this machine reach. */
export function warnOfOpenDoors({ authFile, tls, listen, http }: OpenDoors, warnings: string[]): void {
  const open = [
    ...(isLoopbackHost(listen.host) ? [] : [`--listen ${formatHostPort(listen)}`]),
    ...(http === null || isLoopbackHost(http.host) ? [] : [`--http ${formatHostPort(http)}`]),
  ]
  for (const port of open) {
    if (authFile === null) {
      const may = port.startsWith('--http') ? 'see all locks' : 'take every lock and see all of them'
      warnings.push(`whoever reaches ${port} may ${may}: let only clients reach it, or say who may what (--auth-file)`)
    } else if (tls?.isRequired !== true) {
      warnings.push(`tokens can be read on their way to ${port} (--tls-cert, --tls-key)`)
    }
  }
}
