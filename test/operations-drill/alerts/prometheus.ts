/** A real Prometheus beside the cluster: it reads the nodes as an operator's does, and judges the rules as they are deployed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'

const POLL_MS = 200
/** Of one alert: two hours of the rules, in the drill's time. */
const FIRES_MAX_MS = 240_000
const READY_MAX_MS = 60_000

export interface PrometheusOptions {
  /** For what it writes. */
  readonly folder: string
  /** `host:port` of every node's HTTP port. */
  readonly targets: readonly string[]
  readonly ca: string
  readonly token: string
  /** The text of a file of rules. */
  readonly rules: string
}

export interface FiringAlert {
  readonly name: string
  readonly instance: string | null
}

/** Null: there is none on this machine. */
export function findPrometheus(): string | null {
  const program = process.env.TNL_PROMETHEUS || 'prometheus'
  return spawnSync(program, ['--version']).status === 0 ? program : null
}

export class Prometheus {
  private constructor(
    private readonly child: ChildProcess,
    private readonly port: number,
    private readonly logFile: string,
  ) {}

  /** Resolves once it has read every node. */
  static async start(program: string, options: PrometheusOptions): Promise<Prometheus> {
    const { folder, targets, ca, token, rules } = options
    mkdirSync(folder, { recursive: true })
    const [config, rulesFile, tokenFile] = ['prometheus.yml', 'rules.yml', 'token'].map((name) => join(folder, name))
    if (config === undefined || rulesFile === undefined || tokenFile === undefined) throw new Error('three files')
    writeFileSync(rulesFile, rules)
    writeFileSync(tokenFile, token, { mode: 0o600 })
    const job = {
      job_name: 'tcpnetlock',
      scheme: 'https',
      tls_config: { ca_file: ca },
      authorization: { credentials_file: tokenFile },
      static_configs: [{ targets: [...targets] }],
    }
    // As long as it can be: a node on a busy machine that does not answer in time is a node that is down.
    const global = { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' }
    writeFileSync(config, stringify({ global, rule_files: [rulesFile], scrape_configs: [job] }))
    const port = await freePort()
    const logFile = join(folder, 'prometheus.log')
    const log = openSync(logFile, 'a')
    const words = [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    const child = spawn(program, words, { stdio: ['ignore', log, log] })
    const prometheus = new Prometheus(child, port, logFile)
    await prometheus.#until('every node is read', READY_MAX_MS, async () => {
      const up = await prometheus.#ask<{ readonly result: readonly unknown[] }>('query?query=up==1').catch(() => null)
      return up?.result.length === targets.length
    })
    return prometheus
  }

  async firing(): Promise<readonly FiringAlert[]> {
    interface Alert {
      readonly state: 'pending' | 'firing'
      readonly labels: Readonly<Record<string, string>>
    }
    const { alerts } = await this.#ask<{ readonly alerts: readonly Alert[] }>('alerts')
    return alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => ({ name: labels.alertname ?? '', instance: labels.instance ?? null }))
  }

  /** Whatever brings it about is done `again` until the alert fires. `instance`: of the node that it has to name. */
  async fires(alert: string, instance: string | null, again: () => Promise<void>): Promise<void> {
    await this.#until(`${alert} fires`, FIRES_MAX_MS, async () => {
      await again()
      return (await this.firing()).some((each) => each.name === alert && each.instance === instance)
    })
  }

  /** Resolves once nothing fires, but for `except`. */
  async quiet(except: readonly string[] = []): Promise<void> {
    let left: readonly FiringAlert[] = []
    const isQuiet = async () => {
      left = (await this.firing()).filter(({ name }) => !except.includes(name))
      return left.length === 0
    }
    await this.#until('no alert fires', FIRES_MAX_MS, isQuiet).catch(async (error) => {
      const alerts = left.map(({ name, instance }) => `${name} ${instance ?? ''}`)
      const why = [...alerts, ...(await this.#unreadTargets())].join('; ')
      throw new Error(`${error instanceof Error ? error.message : error}. These do: ${why}`)
    })
  }

  async #unreadTargets(): Promise<readonly string[]> {
    interface Target {
      readonly scrapeUrl: string
      readonly lastError: string
    }
    const { activeTargets } = await this.#ask<{ readonly activeTargets: readonly Target[] }>('targets')
    return activeTargets.flatMap(({ scrapeUrl, lastError }) => (lastError === '' ? [] : `${scrapeUrl}: ${lastError}`))
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    this.child.kill('SIGTERM')
    await once(this.child, 'exit')
  }

  async #ask<T>(what: string): Promise<T> {
    const signal = AbortSignal.timeout(READY_MAX_MS)
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/${what}`, { signal })
    const { data } = (await response.json()) as { readonly data: T }
    return data
  }

  async #until(what: string, mostMs: number, condition: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + mostMs
    while (!(await condition())) {
      if (this.child.exitCode !== null) throw new Error(`Prometheus has ended: ${readFileSync(this.logFile, 'utf8')}`)
      if (performance.now() > deadlineMs) throw new Error(`waited in vain for this: ${what}`)
      await sleep(POLL_MS)
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}
