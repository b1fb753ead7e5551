/**
 * The terminal that tnl-do and its command share. The command has a group of its own in the same session; it
 * is the foreground whenever tnl-do's group would be, so that Ctrl-C, Ctrl-Z and the size of the window reach it as they
 * would without tnl-do.
 */
import { openSync } from 'node:fs'
import { constants } from 'node:os'
import type { Native } from '../system/native.js'
import { hasCode } from '../system/processes.js'

export class Terminal {
  private constructor(
    private readonly native: Native,
    readonly descriptor: number,
    /** The process group of tnl-do. */
    private readonly outerGroup: number,
  ) {}

  /** Null when this session has no terminal. */
  static open(native: Native, outerGroup: number): Terminal | null {
    try {
      const descriptor = openSync('/dev/tty', 'r+')
      // A process that sets the foreground from the background would be stopped for it.
      native.ignoreSignal(constants.signals.SIGTTOU)
      return new Terminal(native, descriptor, outerGroup)
    } catch {
      return null
    }
  }

  /** tnl-do's group is the foreground, so its command should be too. */
  get isOuters(): boolean {
    return this.native.foreground(this.descriptor) === this.outerGroup
  }

  isOf(group: number): boolean {
    return this.native.foreground(this.descriptor) === group
  }

  /** Makes the command's group the foreground, if tnl-do's is. */
  give(group: number): void {
    if (this.isOuters) this.native.setForeground(this.descriptor, group)
  }

  /** Makes tnl-do's group the foreground again, if the command's group is, or one without living members. */
  takeBack(group: number): void {
    const foreground = this.native.foreground(this.descriptor)
    if (foreground === group || (foreground > 0 && isEmpty(foreground))) {
      this.native.setForeground(this.descriptor, this.outerGroup)
    }
  }
}

function isEmpty(group: number): boolean {
  try {
    process.kill(-group, 0)
    return false
  } catch (error) {
    return hasCode(error, 'ESRCH')
  }
}
