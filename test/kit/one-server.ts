import { rmSync } from 'node:fs'
import { freePorts, SHORT_LEASE, until } from './process-cluster.js'
import { Program } from './program.js'
import { converse } from './wire.js'

/** A cluster of one, for tests of clients that need no more. */
export class OneServer {
  private constructor(
    readonly program: Program,
    readonly port: number,
    readonly dataDir: string,
  ) {}

  static async start(): Promise<OneServer> {
    const port = await freePorts()
    const dataDir = `/tmp/tnl-e2e-one-${process.pid}-${port}`
    const program = new Program('tnl-server', [
      ...['--port', String(port), '--peer-listen', `127.0.0.1:${port + 1}`, '--http', 'off'],
      ...['--data-dir', dataDir, ...SHORT_LEASE],
    ])
    await until('the server serves', async () => (await converse(port, '.ping\n').catch(() => '')) === 'pong\n')
    return new OneServer(program, port, dataDir)
  }

  get env(): Record<string, string> {
    return { TNL_ENDPOINTS: `127.0.0.1:${this.port}` }
  }

  async stop(): Promise<void> {
    await this.program.end()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
