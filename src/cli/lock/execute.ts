/** `tnl execute KEY COMMAND`: a line for the shell, under a lock, run as tnl-do runs a command: never without the lock. */
import type { SessionOptions } from '../../client/session/session.js'
import { DEFAULT_GRACE_FRACTION, type DoOptions } from '../do/options.js'
import type { RunResult } from '../do/result.js'
import { runUnderLock } from '../do/run.js'
import { latin1, readStart } from '../do/start.js'
import { DoExit, LockExit } from '../shared/exit-statuses.js'
import { HELD_VARIABLE, readHeld } from '../shared/held.js'
import { ProgramLog, Verbosity, writeStderr } from '../shared/log.js'
import { SignalRelay } from '../shared/signals.js'
import { type Environment, type LockFlags, readLockRequest } from './options.js'
import { printResult } from './print-result.js'

/** Resolves with the exit status. Stdout is the command's, but for consul-lock's `null` when the time to wait has passed. */
export async function execute(key: string, command: string, flags: LockFlags, env: Environment): Promise<number> {
  const request = readLockRequest(key, flags, env)
  const { waitMs, verbosity } = request
  const options: DoOptions = {
    ...commandOptions(request.session, waitMs, verbosity),
    asks: [{ name: key, amount: 'exclusive' }],
    terms: { meta: request.meta, ttlMs: request.ttlMs ?? undefined },
    file: '/bin/sh',
    wordCount: 1,
    shell: true,
    hooks: request.hooks,
  }
  const log = new ProgramLog('tnl execute', verbosity)
  const start = readStart(process.argv.slice(2), env)
  const result = await runUnderLock({
    options,
    log,
    // COMMAND need not be the last word.
    start: { ...start, lastWords: () => [latin1(command)] },
    signals: new SignalRelay(start.ignoredSignals),
    heldAround: readHeld(env[HELD_VARIABLE]),
    started: null,
  })
  const exitStatus = statusOf(result, waitMs)
  if (exitStatus === LockExit.timedOut && result.outcome === 'not-granted') await printResult(null)
  if (flags.json === true) writeStderr(`${JSON.stringify({ ...result, exitStatus })}\n`)
  return exitStatus
}

/** What tnl-do does where nothing else is said. */
export function commandOptions(
  session: SessionOptions & { readonly clientId: string },
  waitMs: number,
  verbosity: Verbosity,
): Omit<DoOptions, 'asks' | 'terms' | 'file' | 'wordCount' | 'shell' | 'hooks'> {
  return {
    // No FIN of anybody may free the lock while the command lives; its guardian says `bye` (rules.md rule 5).
    session: { ...session, lingerMs: session.leaseMs },
    isLocal: false,
    waitMs,
    retries: 0,
    retryWaitMs: 0,
    graceMs: session.leaseMs * DEFAULT_GRACE_FRACTION,
    onLost: { kind: 'terminate' },
    leaveDaemons: false,
    conflictStatus: DoExit.notGranted,
    lostStatus: DoExit.lost,
    result: null,
    tellsHolder: verbosity > Verbosity.quiet,
    verbosity,
  }
}

function statusOf({ outcome, exitStatus, error }: RunResult, waitMs: number): number {
  switch (outcome) {
    case 'not-granted':
      return waitMs > 0 ? LockExit.timedOut : LockExit.notGranted
    case 'deadlock':
      return LockExit.notGranted
    case 'unreachable':
      return LockExit.noEndpoint
    case 'failed':
      if (error?.serverCode == null) return exitStatus
      return error.serverCode === 'unauthorized' ? LockExit.permissionDenied : LockExit.notGranted
    default:
      return exitStatus
  }
}
