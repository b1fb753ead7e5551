import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { describeSystemError } from '../../server/sockets/listen.js'
import { programFile } from '../shared/program-file.js'

export interface NodePlan {
  readonly nodeId: string
  readonly clientPort: number
  readonly peerPort: number
  readonly httpPort: number
  readonly dataDir: string
  /** Gets what the node says, one JSON line per event. */
  readonly logFile: string
  /** The words after `tnl-server`. */
  readonly words: readonly string[]
}

export interface NodeEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Of a node that could not be started at all. */
  readonly reason?: string
}

/** Where a node's process runs, if not just beside this one. */
export interface Surroundings {
  readonly environment?: NodeJS.ProcessEnv
  /** Words before the command: one that starts it elsewhere, and becomes it. */
  readonly launcher?: readonly string[]
}

/** One `tnl-server` as a child process: so that `kill -9` of one works as anywhere else. */
export class ClusterNode {
  #child: ChildProcess | null = null

  /** `program`: what to run for a node, if not the server of this very package. */
  constructor(
    readonly plan: NodePlan,
    private readonly program: readonly string[] = [...process.execArgv, programFile('tnl-server')],
    private readonly surroundings: Surroundings = {},
  ) {}

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** `onEnd` hears of the end of this process, whatever ended it. */
  start(onEnd: (end: NodeEnd) => void): void {
    let ended = false
    const end = (result: NodeEnd): void => {
      if (ended) return
      ended = true
      this.#child = null
      onEnd(result)
    }
    const failed = (error: unknown): void => end({ code: null, signal: null, reason: describeSystemError(error) })
    let log: number
    try {
      log = openSync(this.plan.logFile, 'a')
    } catch (error) {
      setImmediate(failed, error)
      return
    }
    // A group of its own, so that Ctrl-C reaches only the parent. The channel ends the node if the parent dies.
    const { environment = process.env, launcher = [] } = this.surroundings
    const [command = process.execPath, ...words] = [...launcher, process.execPath, ...this.program, ...this.plan.words]
    const child = spawn(command, words, {
      env: environment,
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.#child = child
    child.once('exit', (code, signal) => end({ code, signal }))
    child.once('error', failed)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }
}
