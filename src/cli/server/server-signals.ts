/**
 * Signals to a server, caught from its first moment: loading the program takes longer than an impatient supervisor waits.
 * This file is loaded before all others and imports nothing.
 */
let stopAsked: NodeJS.Signals | null = null
let stop: ((signal: NodeJS.Signals) => void) | null = null
let reload: (() => void) | null = null

function askToStop(signal: NodeJS.Signals): void {
  stopAsked = signal
  stop?.(signal)
}

export function catchSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, askToStop)
  // Files are read again. A terminal that closes sends it as well, and means no harm by it.
  process.on('SIGHUP', () => reload?.())
  // Tools that rotate logs mean no harm. Without a handler USR2 would end the server with all its locks, and USR1 would open
  // Node's debugger port.
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined)
}

/** True once SIGTERM or SIGINT came. */
export function isAskedToStop(): boolean {
  return stopAsked !== null
}

/** Calls `run` at SIGTERM or SIGINT, at once if one came before. */
export function whenAskedToStop(run: (signal: NodeJS.Signals) => void): void {
  stop = run
  if (stopAsked !== null) run(stopAsked)
}

/** Calls `run` at each SIGHUP from now on: what came before, the start has read anyway. */
export function whenAskedToReload(run: () => void): void {
  reload = run
}
