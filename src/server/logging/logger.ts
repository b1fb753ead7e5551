import { isatty } from 'node:tty'
import pino, { type LogFn, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { LOG_FLUSH_MAX_MS, LOG_REPEATS_WINDOW_MS } from '../limits.js'
import { LogOutput, type LogSink } from './log-output.js'
import { LogRepeats, type Repeated } from './log-repeats.js'
import { stderrSink } from './log-sinks.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface ServerLog {
  readonly logger: Logger
  /** Before a clean end: resolves when everything was written, or soon. */
  flushed(): Promise<void>
  /** Before a sudden end. */
  flushNow(): void
}

export interface LogSurroundings {
  readonly sink: LogSink
  readonly isTerminal: boolean
  nowMs(): number
}

const STDERR_FD = 2
/** Errors are always written, and with `debug` so is everything else. */
const isCounted = (level: number): boolean => level === pino.levels.values.info || level === pino.levels.values.warn

/**
 * Log lines go to stderr: JSON for collectors, pretty on a terminal. Logging never waits for a reader and never ends the
 * node: lines that nobody takes are dropped and counted, repeated lines are counted and summed up.
 */
export function createLogger(level: LogLevel, nodeId: string, surroundings?: LogSurroundings): ServerLog {
  const { sink, isTerminal, nowMs } = surroundings ?? {
    sink: stderrSink(),
    isTerminal: isatty(STDERR_FD),
    nowMs: () => performance.now(),
  }
  const output = new LogOutput(sink, nowMs)
  const repeats = new LogRepeats(nowMs)
  const format = isTerminal
    ? prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid' })
    : (line: string) => line
  let timer: NodeJS.Timeout | null = null

  const sayRepeated = (all: boolean): void => {
    for (const repeated of repeats.take(all)) logger.warn(factsOf(repeated), wordsOf(repeated))
    if (!all && repeats.kindCount > 0) arm()
  }
  const arm = (): void => {
    if (timer !== null) return
    timer = setTimeout(() => {
      timer = null
      sayRepeated(false)
    }, LOG_REPEATS_WINDOW_MS).unref()
  }

  const logMethod = function (this: Logger, args: Parameters<LogFn>, method: LogFn, number: number): void {
    const [facts, message] = typeof args[0] === 'string' ? [{}, args[0]] : [args[0], args[1]]
    const isSaid = !isCounted(number) || isSummary(facts) || repeats.admit(String(message), remoteOf(facts))
    if (isSaid) method.apply(this, args)
    arm()
  }

  const logger = pino(
    {
      level,
      base: { node: nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { logMethod },
    },
    { write: (line: string) => output.write(format(line)) },
  )
  output.onDropped = (dropped) => logger.error({ dropped }, 'log lines were dropped: nobody took them in time')
  return {
    logger,
    flushed: () => {
      sayRepeated(true)
      return output.flushed(LOG_FLUSH_MAX_MS)
    },
    flushNow: () => {
      sayRepeated(true)
      output.flushNow()
    },
  }
}

interface Summary {
  readonly repeated: number
  readonly remotes?: readonly string[]
}

const factsOf = ({ times, remotes }: Repeated): Summary =>
  remotes.length === 0 ? { repeated: times } : { repeated: times, remotes }

const wordsOf = ({ message, times }: Repeated): string => `${message} (${times} more times)`

const isSummary = (facts: unknown): boolean => typeof facts === 'object' && facts !== null && 'repeated' in facts

function remoteOf(facts: unknown): string | undefined {
  if (typeof facts !== 'object' || facts === null || !('remote' in facts)) return undefined
  return typeof facts.remote === 'string' ? facts.remote : undefined
}
