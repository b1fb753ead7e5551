/** Signals that reach tnl-do (contract §3): they end a wait at once, and reach the command while it runs. */

/** What ends a program that does nothing about it. */
const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM']
const HARMLESS: readonly NodeJS.Signals[] = ['SIGCONT', 'SIGWINCH']

export class SignalRelay {
  /** Resolves with the first signal that comes while no command runs. */
  readonly interrupted: Promise<NodeJS.Signals>
  private interrupt: (signal: NodeJS.Signals) => void = () => {}
  private forward: ((signal: NodeJS.Signals) => void) | null = null

  constructor() {
    this.interrupted = new Promise((resolve) => {
      this.interrupt = resolve
    })
    for (const signal of ENDING) process.on(signal, () => (this.forward ?? this.interrupt)(signal))
    for (const signal of HARMLESS) process.on(signal, () => this.forward?.(signal))
    process.on('SIGTSTP', () => {
      // The command is in a session of its own, where the terminal's stop means nothing.
      this.forward?.('SIGSTOP')
      process.kill(process.pid, 'SIGSTOP')
    })
  }

  /** From now on signals go to the command. */
  relayTo(forward: (signal: NodeJS.Signals) => void): void {
    this.forward = forward
  }
}
