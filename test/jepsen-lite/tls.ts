/**
 * `--tls`: all clients speak TLS, and so do peers where every node has an address of its own, because the links between them
 * cannot read the hello then. The tool itself asks plainly.
 */
import { Authority, CertificateDirectory } from '../kit/authority.js'

/** Links and namespaces give nodes many addresses: all are known by one name. */
const SERVER_NAME = 'localhost'
/** By it peers know each other's certificates. */
const CLUSTER = 'jepsen-lite'
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
      directory.put(id, await authority.issue({ dns: [SERVER_NAME], uris: [`tnl://${CLUSTER}/${id}`] }))
    }
    process.env.TNL_TLS = 'on'
    process.env.TNL_TLS_CA = directory.write('ca.pem', authority.cert)
    process.env.TNL_TLS_SERVER_NAME = SERVER_NAME
    return new RunTls(directory)
  }

  /** `peers`: between nodes too. */
  wordsFor(nodeId: string, peers: boolean): readonly string[] {
    const file = (name: string) => `${this.directory.path}/${name}`
    const [cert, key] = [file(`${nodeId}.pem`), file(`${nodeId}.key`)]
    const ofPeers = ['--peer-tls-cert', cert, '--peer-tls-key', key, '--peer-tls-ca', file('ca.pem')]
    return [
      ...['--tls', 'optional', '--tls-cert', cert, '--tls-key', key],
      ...(peers ? [...ofPeers, '--cluster-name', CLUSTER] : []),
    ]
  }
}
