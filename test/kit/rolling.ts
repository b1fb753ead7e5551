/** A cluster under load whose nodes are given other programs one after another. */
import { expect } from 'vitest'
import { Load } from './load.js'
import { TestCluster, type TestNode, until } from './process-cluster.js'
import { Program } from './program.js'
import { converse, Wire } from './wire.js'

export type Levels = readonly (readonly [level: number, knows: number])[]

export class RollingCluster {
  private constructor(
    readonly cluster: TestCluster,
    readonly load: Load,
    /** `tnl-do` with a lock of its own, through all of it. */
    readonly kept: Program,
  ) {}

  /** `server`: the `tnl-server.js` that all nodes begin with; without it the present one. */
  static async start(server?: string): Promise<RollingCluster> {
    const cluster = await TestCluster.start([], undefined, undefined, server)
    const load = new Load({ endpoints: cluster.endpoints })
    const command = ['--lock-name', 'kept', '--shell', 'echo up; read end']
    const kept = new Program('tnl-do', ['--endpoints', cluster.endpoints, ...command])
    await kept.said(/^up$/m)
    return new RollingCluster(cluster, load, kept)
  }

  node(index: number): TestNode {
    return this.cluster.node(index)
  }

  async tnl(...words: readonly string[]): Promise<{ status: number | null; said: string }> {
    const program = new Program('tnl', [...words, '--endpoints', this.cluster.endpoints])
    const status = await program.status()
    return { status, said: program.stdout + program.stderr }
  }

  /** The cluster's level and the program's, as each node sees them. */
  async levels(): Promise<Levels> {
    const states = await Promise.all(this.cluster.nodes.map((node) => node.status()))
    return states.map((state) => [state?.level ?? 0, state?.knows ?? 0] as const)
  }

  async untilLevels(wanted: Levels): Promise<void> {
    await until(`levels ${JSON.stringify(wanted)}`, async () => {
      return JSON.stringify(await this.levels()) === JSON.stringify(wanted)
    })
  }

  /** Another program takes the place of the one that runs; clients of the other nodes keep their connections meanwhile. */
  async install(node: TestNode, server: string): Promise<void> {
    const others = this.cluster.nodes.filter((other) => other !== node)
    const holders = await Promise.all(others.map(({ port }) => Wire.open(port)))
    for (const [at, wire] of holders.entries()) expect(await wire.ask(`lock,name:classic-${at}`)).toBe('ok')
    node.signal('SIGTERM')
    expect(await node.ended()).toEqual({ code: 0, signal: null })
    node.install(server)
    node.start()
    await this.cluster.untilAllServe()
    await this.load.goesOn()
    for (const wire of holders) {
      expect(await wire.ask('.keepalive')).toBe('alive')
      expect(await wire.ask('release')).toBe('released')
    }
    expect(this.kept.ended).toBe(false)
    expect(await converse(node.port, 'lock,name:kept\n')).toBe('not-granted\n')
  }

  /** The command under the lock ends in its own time, and no client has seen an error. */
  async nothingWasLost(): Promise<void> {
    this.kept.child.stdin?.end('\n')
    expect(await this.kept.status()).toBe(0)
    await this.load.stop()
    expect(this.load.failures).toEqual([])
  }

  async stop(): Promise<void> {
    await this.load.stop()
    await this.kept.end()
    await this.cluster.stop()
  }
}
