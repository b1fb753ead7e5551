import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Log lines go to stderr: JSON for collectors, pretty on a terminal. Written at once, so that a crash loses none. */
export function createLogger(
  level: LogLevel,
  nodeId: string,
  stderrIsTerminal = process.stderr.isTTY === true,
): Logger {
  const options = { level, base: { node: nodeId }, timestamp: pino.stdTimeFunctions.isoTime }
  if (!stderrIsTerminal) return pino(options, pino.destination({ fd: 2, sync: true }))
  return pino(
    options,
    pretty({ destination: 2, sync: true, colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid' }),
  )
}
