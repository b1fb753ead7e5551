/** A network namespace with one cable to this machine: to a program in it, this machine is another one. Linux, root. */
import { runCommand, troubleOf } from './run-command.js'

const SMALL_NET_BITS = 30

export interface NamespaceNames {
  readonly namespace: string
  /** The end of the cable on this machine; at most 15 characters. */
  readonly outside: string
  /** The other end. */
  readonly device: string
  /** The first three numbers of its addresses, such as `10.213.4`: this machine is .1 there, the namespace .2. */
  readonly network: string
}

export class NetworkNamespace {
  readonly name: string
  readonly device: string
  /** The address of this machine, as programs in the namespace reach it. */
  readonly outerHost: string
  /** The address of the namespace. */
  readonly host: string

  private constructor({ namespace, device, network }: NamespaceNames) {
    this.name = namespace
    this.device = device
    this.outerHost = `${network}.1`
    this.host = `${network}.2`
  }

  /** Null where it can be had, otherwise why not. */
  static trouble(): string | null {
    if (process.platform !== 'linux') return 'needs Linux'
    const probe = `tnl-probe-${process.pid}`
    const trouble = troubleOf('ip', ['netns', 'add', probe])
    if (trouble === null) runCommand('ip', ['netns', 'del', probe])
    return trouble
  }

  static open(names: NamespaceNames): NetworkNamespace {
    const opened = new NetworkNamespace(names)
    const { name, device, outerHost, host } = opened
    const { outside } = names
    const inside = (words: readonly string[]): void => runCommand('ip', ['-n', name, ...words])
    runCommand('ip', ['netns', 'add', name])
    try {
      runCommand('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', device, 'netns', name])
      runCommand('ip', ['addr', 'add', `${outerHost}/${SMALL_NET_BITS}`, 'dev', outside])
      runCommand('ip', ['link', 'set', outside, 'up'])
      inside(['addr', 'add', `${host}/${SMALL_NET_BITS}`, 'dev', device])
      inside(['link', 'set', device, 'up'])
      inside(['link', 'set', 'lo', 'up'])
      inside(['route', 'add', 'default', 'via', outerHost])
    } catch (error) {
      opened.remove()
      throw error
    }
    return opened
  }

  /** What stands before a program and its arguments to run it inside. */
  get launcher(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** The cable goes with it. Whatever still runs inside keeps its sockets, and reaches nobody. */
  remove(): void {
    troubleOf('ip', ['netns', 'del', this.name])
  }
}
