import { rmSync } from 'node:fs'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { freePorts, SHORT_LEASE, until } from './process-cluster.js'
import { Program } from './program.js'
import { converse } from './wire.js'

/** A cluster of one, for tests of clients that need no more. */
export class OneServer {
  private constructor(
    readonly program: Program,
    readonly port: number,
    readonly dataDir: string,
    /** Answers only if it was asked for. */
    readonly httpPort: number,
  ) {}

  /** `words`: further ones. */
  static async start({
    http = false,
    words = [],
  }: {
    http?: boolean
    words?: readonly string[]
  } = {}): Promise<OneServer> {
    const port = await freePorts()
    const dataDir = `/tmp/tnl-e2e-one-${process.pid}-${port}`
    const program = new Program('tnl-server', [
      ...['--port', String(port), '--peer-listen', `127.0.0.1:${port + 1}`],
      ...['--http', http ? `127.0.0.1:${port + 2}` : 'off', '--data-dir', dataDir, ...SHORT_LEASE, ...words],
    ])
    const server = new OneServer(program, port, dataDir, port + 2)
    try {
      await until('the server serves, at its level', async () => (await levelAt(port)) === FEATURE_LEVEL)
    } catch (error) {
      // Nobody else knows of it yet.
      await server.stop()
      throw error
    }
    return server
  }

  get env(): Record<string, string> {
    return { TNL_ENDPOINTS: `127.0.0.1:${this.port}` }
  }

  async stop(): Promise<void> {
    await this.program.end()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

/** The feature level of the cluster; 0 while nobody answers. */
async function levelAt(port: number): Promise<number> {
  const [, json] = /^stats,(\{.*\})\n$/.exec(await converse(port, '.stats\n').catch(() => '')) ?? []
  return json === undefined ? 0 : Number(JSON.parse(json).level)
}
