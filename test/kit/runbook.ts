/**
 * Plays the pages of docs/operations: every block that `<!-- run -->` marks, line for line, on real processes. Machines are named
 * as the nodes (n1, n2 …); what a page calls `n4:7655`, `/var/lib/tnl` or `/etc/tcpnetlock.yaml` is a port and a place on this one.
 *
 * Some lines are stage directions:
 *
 *   # on n4                        the machine on which what follows is typed
 *   # wait until n4 is ready
 *   # n2 and n3 are gone, with their disks
 *   systemctl start|stop|restart tcpnetlock
 *   #=> n4 is a voter now          a line that the command before prints; a pattern between slashes
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtProgram, type TestCluster, TestNode, until } from './process-cluster.js'
import { fetchFrom } from './transport.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAMS = ['tnl', 'tnl-do', 'tnl-server', 'tnl-client'] as const
/** Of the ports of a page: of clients, peers and HTTP. */
const FIRST_PORT = 7654
const PORTS_OF_A_MACHINE = 10
/** A command may itself wait for a minute. */
const COMMAND_LIMIT_MS = 90_000

export interface Block {
  readonly heading: string
  readonly lines: readonly string[]
}

/** `name`: a file of docs. */
export function blocksOf(name: string): readonly Block[] {
  const blocks: Block[] = []
  let heading = ''
  const page = readFileSync(join(ROOT, 'docs', name), 'utf8')
  for (const [, title, code] of page.matchAll(/^#+ (.*)$|^<!-- run -->\n```sh\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    if (code !== undefined) blocks.push({ heading, lines: code.trimEnd().split('\n') })
  }
  return blocks
}

interface Machine {
  readonly node: TestNode
  /** Of its settings. */
  readonly file: string
}

export class RunbookPlay {
  /** All that was printed, block by block. */
  said = ''
  readonly #machines = new Map<string, Machine>()
  #at: Machine
  #printed: readonly string[] = []

  constructor(
    readonly cluster: TestCluster,
    /** What every node is started with besides: short leases. */
    private readonly words: readonly string[],
    private readonly env: Readonly<Record<string, string>> = {},
  ) {
    mkdirSync(join(cluster.dir, 'bin'), { recursive: true })
    for (const name of PROGRAMS) {
      const shim = join(cluster.dir, 'bin', name)
      writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${builtProgram(name)}' "$@"\n`)
      chmodSync(shim, 0o755)
    }
    for (const node of cluster.nodes) this.#machines.set(node.id, { node, file: join(cluster.dir, `${node.id}.yaml`) })
    this.#at = this.#machine('n1')
  }

  node(name: string): TestNode {
    return this.#machine(name).node
  }

  /** A machine that no page has named yet has nothing but the programs. */
  #machine(name: string): Machine {
    const known = this.#machines.get(name)
    if (known !== undefined) return known
    const { dir } = this.cluster
    const port = this.cluster.node(0).port + PORTS_OF_A_MACHINE * (Number(name.slice(1)) - 1)
    const file = join(dir, `${name}.yaml`)
    const node = new TestNode({
      ...{ nodeId: name, clientPort: port, peerPort: port + 1, httpPort: port + 2 },
      ...{ dataDir: join(dir, name), logFile: join(dir, `${name}.log`), words: ['--config', file, ...this.words] },
    })
    this.cluster.nodes.push(node)
    const machine = { node, file }
    this.#machines.set(name, machine)
    return machine
  }

  /** Rejects at the first command that fails or does not print what the page says. */
  async play({ lines }: Block): Promise<void> {
    let script: string[] = []
    const run = async () => {
      if (script.length > 0) await this.#run(script.join('\n'))
      script = []
    }
    for (const line of lines) {
      if (line.startsWith('#=> ')) {
        await run()
        this.#expect(line.slice('#=> '.length))
      } else if (isDirection(line)) {
        await run()
        await this.#direct(line)
      } else script.push(line)
    }
    await run()
  }

  async #direct(line: string): Promise<void> {
    const [, place] = /^# on (n\d+)/.exec(line) ?? []
    const [, awaited] = /^# wait until (n\d+) is ready/.exec(line) ?? []
    const [, deed] = /^systemctl (start|stop|restart) tcpnetlock$/.exec(line) ?? []
    if (place !== undefined) this.#at = this.#machine(place)
    else if (awaited !== undefined) await this.#ready(this.node(awaited))
    else if (deed !== undefined) await this.#service(deed, this.#at.node)
    else for (const [name] of line.matchAll(/\bn\d+\b/g)) await this.#lose(this.node(name))
  }

  async #service(deed: string, node: TestNode): Promise<void> {
    if (deed !== 'start' && node.running) {
      node.signal('SIGTERM')
      await node.ended()
    }
    if (deed !== 'stop') node.start()
  }

  async #lose(node: TestNode): Promise<void> {
    node.signal('SIGKILL')
    if (node.running) await node.ended()
    rmSync(node.plan.dataDir, { recursive: true, force: true })
  }

  async #ready({ id, plan }: TestNode): Promise<void> {
    await until(`${id} is ready`, async () => {
      const answer = await fetchFrom(plan.httpPort, '/readyz').catch(() => null)
      return answer?.ok === true
    })
  }

  /** Where the page's names lead on this machine. */
  #translate(text: string): string {
    const { node, file } = this.#at
    const offsetOf = (port: string) => Number(port) - FIRST_PORT
    return text
      .replace(/\b(n\d+):(765[4-6])\b/g, (_, name, port) => `127.0.0.1:${this.node(name).port + offsetOf(port)}`)
      .replace(/\b0\.0\.0\.0:(765[4-6])\b/g, (_, port) => `127.0.0.1:${node.port + offsetOf(port)}`)
      .replaceAll('/var/lib/tnl', node.plan.dataDir)
      .replaceAll('/etc/tcpnetlock.yaml', file)
      .replaceAll('/backup/', `${this.cluster.dir}/backup-`)
  }

  async #run(script: string): Promise<void> {
    const { node } = this.#at
    const endpoints = this.cluster.nodes.filter(({ running }) => running).map(({ port }) => `127.0.0.1:${port}`)
    const env = {
      ...process.env,
      PATH: `${join(this.cluster.dir, 'bin')}${delimiter}${process.env.PATH}`,
      ...{ TNL_ENDPOINTS: endpoints.join(','), TNL_REACH: '20', ...this.env },
    }
    const child = spawn('sh', ['-euc', this.#translate(script)], {
      cwd: this.cluster.dir,
      env,
      timeout: COMMAND_LIMIT_MS,
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (text) => (stdout += String(text)))
    child.stderr.on('data', (text) => (stderr += String(text)))
    // Whoever is asked which node is meant types the one before which he sits.
    child.stdin.on('error', () => undefined).end(`${node.id}\n`)
    const status = await new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)))
    this.said += `${script}\n${stdout}${stderr}`
    this.#printed = stdout.split('\n')
    if (status !== 0) throw new Error(`on ${node.id} this ended with ${status}: ${script}\n${stdout}${stderr}`)
  }

  #expect(expected: string): void {
    const isPattern = expected.startsWith('/') && expected.endsWith('/')
    const pattern = isPattern ? new RegExp(expected.slice(1, -1)) : null
    if (this.#printed.some((line) => (pattern === null ? line === expected : pattern.test(line)))) return
    throw new Error(`not printed: ${expected}\nbut: ${this.#printed.join('\n')}`)
  }
}

const isDirection = (line: string): boolean =>
  /^# (on n\d|wait until n\d|n\d.* gone)/.test(line) || /^systemctl (start|stop|restart) tcpnetlock$/.test(line)
