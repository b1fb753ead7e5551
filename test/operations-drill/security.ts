/** Certificates and accounts of the drill's cluster, as files in a directory of its own: what an operator has in /etc/tnl. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { sha256 } from '../../src/digest.js'
import { Authority } from '../kit/authority.js'

export const CLUSTER_NAME = 'drill'

/** Who may what. `revoked` is taken away in the middle of the drill. */
const IDENTITIES = {
  operators: { may: { '': ['lock', 'see', 'break'] }, cluster: ['members', 'transfer', 'snapshot', 'shutdown'] },
  shop: { may: { 'shop/': ['lock', 'see'] } },
  revoked: { may: { 'shop/': ['lock', 'see'] } },
} as const
export type Identity = keyof typeof IDENTITIES

/** Of all nodes that there will be: each has files of its own, as each machine has. */
const NODES = ['n1', 'n2', 'n3', 'n4'] as const

export class Security {
  readonly #tokens: Readonly<Record<Identity, string>>

  private constructor(
    readonly folder: string,
    private readonly authority: Authority,
  ) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(this.ca, authority.cert)
    const token = () => `tnl_${randomBytes(32).toString('hex')}`
    this.#tokens = { operators: token(), shop: token(), revoked: token() }
    this.writeAuth(['operators', 'shop', 'revoked'])
  }

  static async create(folder: string): Promise<Security> {
    const security = new Security(folder, await Authority.create('authority of the drill'))
    for (const nodeId of NODES) await security.issue(nodeId)
    return security
  }

  get ca(): string {
    return join(this.folder, 'ca.pem')
  }

  token(identity: Identity): string {
    return this.#tokens[identity]
  }

  authFile(nodeId: string): string {
    return join(this.folder, `${nodeId}.auth.yml`)
  }

  auditFile(nodeId: string): string {
    return join(this.folder, `${nodeId}.audit`)
  }

  certificate(nodeId: string): string {
    return join(this.folder, `${nodeId}.pem`)
  }

  /** The file as `members` alone are in it, on these nodes. */
  writeAuth(members: readonly Identity[], nodeIds: readonly string[] = NODES): void {
    const identities = members.map((id) => {
      const tokens = [`sha256:${sha256(this.#tokens[id]).toString('hex')}`]
      return [id, { tokens, ...IDENTITIES[id] }]
    })
    const text = stringify({ identities: Object.fromEntries(identities) })
    for (const nodeId of nodeIds) writeFileSync(this.authFile(nodeId), text)
  }

  /** A certificate that is valid from now on takes the place of the one before. */
  async issue(nodeId: string, days?: number): Promise<void> {
    const names = { dns: ['localhost', nodeId], ips: ['127.0.0.1'], uris: [`tnl://${CLUSTER_NAME}/${nodeId}`] }
    const { cert, key } = await this.authority.issue({
      commonName: nodeId,
      ...names,
      ...(days === undefined ? {} : { days }),
    })
    writeFileSync(this.certificate(nodeId), cert)
    writeFileSync(join(this.folder, `${nodeId}.key`), key)
  }

  /** Of `tnl-server`. */
  words(nodeId: string): readonly string[] {
    const [cert, key] = [this.certificate(nodeId), join(this.folder, `${nodeId}.key`)]
    return [
      ...['--cluster-name', CLUSTER_NAME, '--peer-tls-cert', cert, '--peer-tls-key', key, '--peer-tls-ca', this.ca],
      ...['--tls-cert', cert, '--tls-key', key, '--tls-client-ca', this.ca],
      ...['--auth-file', this.authFile(nodeId), '--audit-file', this.auditFile(nodeId)],
    ]
  }

  /** Of a client's program. */
  environment(identity: Identity): Readonly<Record<string, string>> {
    const file = join(this.folder, `${identity}.token`)
    writeFileSync(file, this.#tokens[identity], { mode: 0o600 })
    return { TNL_TLS_CA: this.ca, TNL_TOKEN_FILE: file }
  }
}
