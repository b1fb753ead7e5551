import { FEATURE_LEVEL } from '../../feature-level.js'
import { parseServerConfig } from '../../server/config/config.js'
import { ExitCode, UsageError } from '../../server/exit-codes.js'
import { createLogger } from '../../server/logging/logger.js'
import { startServer } from '../../server/main.js'
import { VERSION } from '../../version.js'
import { prepareEnd } from '../system/end-process.js'
import { isAskedToStop, whenAskedToReload, whenAskedToStop } from './server-signals.js'

/** `tnl-server`: from its words to its exit status (docs/errors.md). */
export async function runServerProgram(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  let parsed: ReturnType<typeof parseServerConfig>
  try {
    parsed = parseServerConfig(words, environment)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`tnl-server: ${error.message}\n`)
    process.exitCode = ExitCode.usage
    return
  }
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text)
    return
  }
  const log = createLogger(parsed.config.logLevel, parsed.config.nodeId)
  const { logger } = log
  logger.info({ version: VERSION, knows: FEATURE_LEVEL, nodejs: process.version, process: process.pid }, 'starting')
  for (const warning of parsed.warnings) logger.warn(warning)
  const endProcess = await prepareEnd()
  // A broken invariant above all: a stopped node is safe, a wrong one is not.
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, error.message)
    log.flushNow()
    endProcess(ExitCode.failed)
  })
  if (isAskedToStop()) endProcess(ExitCode.ok)
  const server = await startServer(parsed.config, logger)
  whenAskedToStop((signal) => server.stop(signal))
  whenAskedToReload(() => server.reload())
  // A parent that holds a channel to this process (tnl cluster) takes it along when it dies. It may have died while this
  // process started, and then nobody would tell.
  if (process.connected) process.once('disconnect', () => server.stop('its parent has ended'))
  else if (process.send !== undefined) server.stop('its parent has ended')
  const exitCode = await server.ended
  await log.flushed()
  endProcess(exitCode)
}
