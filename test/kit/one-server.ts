import { rmSync } from 'node:fs'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { formatLine } from '../../src/protocol/line.js'
import { freePorts, SHORT_LEASE, until } from './process-cluster.js'
import { Program } from './program.js'
import { bothTransports, clientVariables, TRANSPORT } from './transport.js'
import { converse } from './wire.js'

/** A cluster of one, for tests of clients that need no more. */
export class OneServer {
  private constructor(
    readonly program: Program,
    readonly port: number,
    readonly dataDir: string,
    /** Answers only if it was asked for. */
    readonly httpPort: number,
    /** For clients, besides where it is. */
    private readonly security: Record<string, string>,
  ) {}

  /** `words`: further ones; `auth`: the token of who may see how it is. `tls`: its `env` is that of a client that speaks TLS; the test itself may go on in plain text. */
  static async start({
    http = false,
    tls = false,
    words = [],
    auth,
  }: {
    http?: boolean
    tls?: boolean
    words?: readonly string[]
    auth?: string
  } = {}): Promise<OneServer> {
    const port = await freePorts()
    const dataDir = `/tmp/tnl-e2e-one-${process.pid}-${port}`
    const program = new Program('tnl-server', [
      ...['--port', String(port), '--peer-listen', `127.0.0.1:${port + 1}`],
      ...['--http', http ? `127.0.0.1:${port + 2}` : 'off', '--data-dir', dataDir, ...SHORT_LEASE],
      ...(tls ? await bothTransports() : []),
      ...words,
    ])
    const security = await clientVariables(tls ? 'tls' : TRANSPORT)
    const server = new OneServer(program, port, dataDir, port + 2, security)
    try {
      await until('the server serves, at its level', async () => (await levelAt(port, auth)) === FEATURE_LEVEL)
    } catch (error) {
      // Nobody else knows of it yet.
      await server.stop()
      throw new Error(`${String(error)}; it has said: ${program.stdout}${program.stderr}`)
    }
    return server
  }

  get env(): Record<string, string> {
    return { TNL_ENDPOINTS: this.endpoints, ...this.security }
  }

  get endpoints(): string {
    return `127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    await this.program.end()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

/** The feature level of the cluster; 0 while nobody answers. */
async function levelAt(port: number, auth: string | undefined): Promise<number> {
  const [, json] = /^stats,(\{.*\})\n$/.exec(await converse(port, formatLine('.stats', { auth })).catch(() => '')) ?? []
  return json === undefined ? 0 : Number(JSON.parse(json).level)
}
