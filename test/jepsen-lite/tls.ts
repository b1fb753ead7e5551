/**
 * `--tls`: clients of the library and of `tnl-do` speak TLS; bare ones stay plain. So do peers: the links between them read in the
 * hello who dials.
 */
import { Authority, CertificateDirectory } from '../kit/authority.js'

/** Links and namespaces give nodes many addresses: all are known by one name. */
const SERVER_NAME = 'localhost'
/** Spares among them. */
const NODES_MAX_COUNT = 9

export class RunTls {
  private constructor(private readonly directory: CertificateDirectory) {}

  /** Every program of this run that is a client reads the variables that are set here. */
  static async create(): Promise<RunTls> {
    const authority = await Authority.create()
    const directory = new CertificateDirectory()
    process.once('exit', () => directory.close())
    for (let number = 1; number <= NODES_MAX_COUNT; number += 1) {
      const id = `n${number}`
      directory.put(id, await authority.issue({ dns: [SERVER_NAME] }))
    }
    process.env.TNL_TLS = 'on'
    process.env.TNL_TLS_CA = directory.write('ca.pem', authority.cert)
    process.env.TNL_TLS_SERVER_NAME = SERVER_NAME
    return new RunTls(directory)
  }

  wordsFor(nodeId: string): readonly string[] {
    const file = (name: string) => `${this.directory.path}/${name}`
    return ['--tls', 'optional', '--tls-cert', file(`${nodeId}.pem`), '--tls-key', file(`${nodeId}.key`)]
  }
}
