/** Alerts of certificates, accounts, the audit and backups: files of one node that are wrong, old or full. */
import { appendFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Cause } from './cause.js'

const NEARLY_EXPIRED_DAYS = 10
const ATTEMPTS = 21
/** A device on which no byte finds room. */
const FULL_DISK = '/dev/full'

const certificateExpires: Cause = {
  alerts: ['TcpNetLockCertificateExpires'],
  run: async ({ drill: { cluster, security }, fires }) => {
    const of = cluster.node(0)
    await security.issue(of.id, NEARLY_EXPIRED_DAYS)
    await fires('TcpNetLockCertificateExpires', { of })
    await security.issue(of.id)
  },
}

const certificateStale: Cause = {
  alerts: ['TcpNetLockCertificateStale'],
  run: async ({ drill: { cluster, security }, fires }) => {
    const of = cluster.node(1)
    writeFileSync(security.certificate(of.id), 'half a certifi')
    await fires('TcpNetLockCertificateStale', { of })
    await security.issue(of.id)
  },
}

const authFileBad: Cause = {
  alerts: ['TcpNetLockAuthFileBad'],
  run: async ({ drill: { cluster, security }, fires }) => {
    const of = cluster.node(0)
    appendFileSync(security.authFile(of.id), 'anonymus: {}\n')
    await fires('TcpNetLockAuthFileBad', { of })
    security.writeAuth(['operators', 'shop'])
  },
}

/** The file reached all nodes but one. */
const authFilesDiffer: Cause = {
  alerts: ['TcpNetLockAuthFilesDiffer'],
  run: async ({ drill: { cluster, security }, fires }) => {
    security.writeAuth(['operators', 'shop', 'revoked'], [cluster.node(2).id])
    await fires('TcpNetLockAuthFilesDiffer')
    security.writeAuth(['operators', 'shop'])
  },
}

const wrongTokens: Cause = {
  alerts: ['TcpNetLockWrongTokens'],
  run: async ({ drill, fires }) => {
    const guess = () => drill.http(drill.cluster.node(1), '/metrics', drill.security.token('revoked'))
    const guesses = async () => {
      const answers = await Promise.all(Array.from({ length: ATTEMPTS }, guess))
      const let_in = answers.find(({ status }) => status !== 401)
      if (let_in !== undefined) throw new Error(`a token that is nobody's is answered with ${let_in.status}`)
    }
    await fires('TcpNetLockWrongTokens', { again: guesses })
  },
}

const auditLost: Cause = {
  alerts: ['TcpNetLockAuditLost'],
  run: async ({ drill, fires }) => {
    const of = drill.cluster.node(2)
    const file = drill.security.auditFile(of.id)
    renameSync(file, `${file}.kept`)
    symlinkSync(FULL_DISK, file)
    of.signal('SIGHUP')
    const refused = async () => void (await drill.http(of, '/metrics'))
    await fires('TcpNetLockAuditLost', { of, again: refused })
    renameSync(`${file}.kept`, file)
    of.signal('SIGHUP')
  },
}

const backupOld: Cause = {
  alerts: ['TcpNetLockBackupOld'],
  isBeside: true,
  run: ({ fires }) => fires('TcpNetLockBackupOld'),
}

export const OF_FILES: readonly Cause[] = [
  ...[backupOld, certificateExpires, certificateStale, authFileBad, authFilesDiffer, wrongTokens, auditLost],
]
