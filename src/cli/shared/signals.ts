/** Signals that reach tnl-do: they end a wait at once, and reach the command while it runs. */
import { constants } from 'node:os'
import { mayHaveNative } from '../system/native.js'

/** What ends a program that does nothing about it. */
const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM']
const HARMLESS: readonly NodeJS.Signals[] = ['SIGCONT', 'SIGWINCH']

export class SignalRelay {
  /** Resolves with the first signal that comes while no command runs. */
  readonly interrupted: Promise<NodeJS.Signals>
  /** Those that have come so far, to whomever they went. */
  readonly came = new Set<NodeJS.Signals>()
  private interrupt: (signal: NodeJS.Signals) => void = () => {}
  private forward: ((signal: NodeJS.Signals) => void) | null = null

  /** `ignored`: numbers of the signals that tnl-do was started to ignore, by `nohup` or by a shell for its background. */
  constructor(ignored: readonly number[] = []) {
    this.interrupted = new Promise((resolve) => {
      this.interrupt = resolve
    })
    for (const signal of ENDING) {
      const isIgnored = ignored.includes(constants.signals[signal])
      process.on(signal, isIgnored ? () => {} : () => this.ending(signal))
    }
    for (const signal of HARMLESS) process.on(signal, () => this.forward?.(signal))
    if (ignored.includes(constants.signals.SIGTSTP)) process.on('SIGTSTP', () => {})
    else process.on('SIGTSTP', this.stopAsked)
  }

  /** From now on signals go to the command; null: there is none any more, they end a wait again. */
  relayTo(forward: ((signal: NodeJS.Signals) => void) | null): void {
    this.forward = forward
  }

  /**
   * Does to this process's group what the terminal has done to the command's: to this process, to a script that has
   * started it, to its neighbours in a pipeline. Returns when it was continued, or at once if nothing can stop it (no shell
   * is there that could continue it).
   */
  stopGroup(signal: NodeJS.Signals): void {
    process.off('SIGTSTP', this.stopAsked)
    process.kill(0, signal)
    process.on('SIGTSTP', this.stopAsked)
  }

  /** The same for a signal that has ended the command. Returns only if this process ignores it. */
  dieWithGroup(signal: NodeJS.Signals): void {
    process.removeAllListeners(signal)
    process.kill(0, signal)
  }

  private ending(signal: NodeJS.Signals): void {
    this.came.add(signal)
    const deliver = this.forward ?? this.interrupt
    deliver(signal)
  }

  private readonly stopAsked = (): void => {
    if (this.forward !== null && mayHaveNative()) {
      // Whether it stops is the command's decision; if it does, this process is told.
      this.forward('SIGTSTP')
      return
    }
    // Where the command is in a session of its own, the terminal's stop means nothing there.
    this.forward?.('SIGSTOP')
    process.kill(process.pid, 'SIGSTOP')
  }
}
