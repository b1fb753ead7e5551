/**
 * The few calls of the C library that Node does not offer and the guardian needs (docs/adr/0018). Linux only: elsewhere, and
 * where the foreign function interface cannot be loaded, `loadNative` gives null, and what a command starts is its group.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'

/** Why the C library refused: an errno name, `unknown` if it has none here. */
export interface Refusal {
  readonly code: string
}

/** What `waitpid` tells of one child. */
export type ChildChange =
  | {
      readonly kind: 'exited'
      readonly processId: number
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
    }
  | { readonly kind: 'stopped'; readonly processId: number; readonly signal: NodeJS.Signals | null }

/** Strings here hold one byte a character (latin1), so that arguments and variables pass byte for byte. */
export interface SpawnOrder {
  readonly path: string
  /** What the program is told that it is called. */
  readonly name: string
  readonly args: readonly string[]
  readonly variables: readonly string[]
  /** Ignored from its start, as tnl-do was told to ignore them; all others have their default action. */
  readonly ignoredSignals: readonly number[]
  /** Given to the child under their own numbers, besides 0–2. */
  readonly descriptors: readonly number[]
  /** Its soft limit of open files; null leaves it as it is here. */
  readonly openFiles: number | null
  /** A descriptor of the controlling terminal on which the child becomes the foreground; null: it does not. */
  readonly terminal: number | null
}

export interface Native {
  /** From now on orphans among this process's descendants become its children. */
  becomeSubreaper(): void
  /** Makes this process the leader of a process group of its own, in the session that it is in. */
  leadGroup(): void
  /** Until the end of this process, and in what it starts. */
  ignoreSignal(signal: number): void
  /** What is started from now on does not get this descriptor. */
  closeOnExec(descriptor: number): void
  /** Starts a child in a process group of its own, in this session. */
  spawn(order: SpawnOrder): { readonly processId: number } | Refusal
  /** The next child that ended or stopped; null when none did, `'childless'` when there is no child at all (ECHILD). */
  nextChange(): ChildChange | 'childless' | null
  /** The foreground group of a terminal; -1 when it has none or is gone. */
  foreground(terminal: number): number
  /** Needs SIGTTOU ignored when called from the background. */
  setForeground(terminal: number, group: number): void
}

/** From the kernel's and the C libraries' public headers; the same for glibc and musl on every Linux. */
const PR_SET_CHILD_SUBREAPER = 36
const RLIMIT_NOFILE = 7
const F_SETFD = 2
const FD_CLOEXEC = 1
const WNOHANG = 1
const WUNTRACED = 2
const POSIX_SPAWN_SETPGROUP = 0x02
const POSIX_SPAWN_SETSIGDEF = 0x04
const SIG_IGN = 1
/** The structures are opaque; none of them is larger on any Linux. */
const OPAQUE_BYTES = 1_024
const POINTER_BYTES = 8
const LAST_PLAIN_SIGNAL = 31

type CFunction = (...values: readonly unknown[]) => number

/** False where `loadNative` surely gives null. */
export function mayHaveNative(): boolean {
  // Who is left is found by /proc; pointers are taken to have eight bytes.
  if (process.platform !== 'linux' || ['ia32', 'arm'].includes(process.arch)) return false
  return existsSync('/proc/self/stat') && process.env.TNL_NATIVE !== 'off'
}

let loaded: Native | null | undefined

/** Null where it cannot be had. Loaded once, when first asked for: that takes about 10 ms. */
export function loadNative(): Native | null {
  loaded ??= tryToLoad()
  return loaded
}

function tryToLoad(): Native | null {
  if (!mayHaveNative()) return null
  try {
    const { load, errno } = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const library = load(null)
    return new CLibrary((declaration) => library.func(declaration) as CFunction, errno)
  } catch {
    return null
  }
}

class CLibrary implements Native {
  private readonly addressOf: CFunction
  private readonly waitpid: CFunction
  private readonly tcgetpgrp: CFunction
  private readonly tcsetpgrp: CFunction

  constructor(
    private readonly declare: (declaration: string) => CFunction,
    private readonly errno: () => number,
  ) {
    // It returns where the first buffer lies, which is all that is wanted of it.
    this.addressOf = declare('uint64_t memmove(void *, const void *, size_t)')
    this.waitpid = declare('int waitpid(int, _Out_ int *, int)')
    this.tcgetpgrp = declare('int tcgetpgrp(int)')
    this.tcsetpgrp = declare('int tcsetpgrp(int, int)')
  }

  becomeSubreaper(): void {
    const prctl = this.declare('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) !== 0) throw this.error('prctl')
  }

  leadGroup(): void {
    if (this.declare('int setpgid(int, int)')(0, 0) !== 0) throw this.error('setpgid')
  }

  ignoreSignal(signal: number): void {
    this.declare('uintptr_t signal(int, uintptr_t)')(signal, SIG_IGN)
  }

  closeOnExec(descriptor: number): void {
    this.declare('int fcntl(int, int, int)')(descriptor, F_SETFD, FD_CLOEXEC)
  }

  spawn(order: SpawnOrder): { readonly processId: number } | Refusal {
    const fcntl = this.declare('int fcntl(int, int, int)')
    // Node marks what it finds open at its start as closed on exec.
    for (const descriptor of [0, 1, 2, ...order.descriptors]) fcntl(descriptor, F_SETFD, 0)
    for (const signal of order.ignoredSignals) this.ignoreSignal(signal)
    const attributes = this.attributes(order.ignoredSignals)
    const actions = this.fileActions(order.terminal)
    const args = this.strings([order.name, ...order.args])
    const variables = this.strings(order.variables)
    const processId: [number] = [0]
    const posixSpawn = this.declare(
      'int posix_spawn(_Out_ int *, const void *, const void *, const void *, const void *, const void *)',
    )
    const path = Buffer.from(`${order.path}\0`, 'latin1')
    const error = this.underLimit(order.openFiles, () =>
      posixSpawn(processId, path, actions, attributes, args.pointers, variables.pointers),
    )
    return error === 0 ? { processId: processId[0] } : { code: errnoName(error) }
  }

  nextChange(): ChildChange | 'childless' | null {
    const status: [number] = [0]
    const processId = this.waitpid(-1, status, WNOHANG | WUNTRACED)
    if (processId === 0) return null
    if (processId < 0) return errnoName(this.errno()) === 'ECHILD' ? 'childless' : null
    return { processId, ...readStatus(status[0]) }
  }

  foreground(terminal: number): number {
    return this.tcgetpgrp(terminal)
  }

  setForeground(terminal: number, group: number): void {
    this.tcsetpgrp(terminal, group)
  }

  /** Only while the child starts: under a low limit this process could not look for what it has to end. */
  private underLimit(soft: number | null, start: () => number): number {
    const before = Buffer.alloc(2 * POINTER_BYTES)
    if (soft === null || this.declare('int getrlimit(int, void *)')(RLIMIT_NOFILE, before) !== 0) return start()
    const setLimit = this.declare('int setrlimit(int, const void *)')
    const during = Buffer.from(before)
    during.writeBigUInt64LE(BigInt(soft), 0)
    setLimit(RLIMIT_NOFILE, during)
    try {
      return start()
    } finally {
      setLimit(RLIMIT_NOFILE, before)
    }
  }

  private attributes(ignoredSignals: readonly number[]): Buffer {
    const attributes = Buffer.alloc(OPAQUE_BYTES)
    const defaults = Buffer.alloc(OPAQUE_BYTES)
    this.declare('int posix_spawnattr_init(void *)')(attributes)
    this.declare('int sigemptyset(void *)')(defaults)
    const sigaddset = this.declare('int sigaddset(void *, int)')
    for (let signal = 1; signal <= LAST_PLAIN_SIGNAL; signal += 1) {
      if (!ignoredSignals.includes(signal)) sigaddset(defaults, signal)
    }
    this.declare('int posix_spawnattr_setsigdefault(void *, const void *)')(attributes, defaults)
    this.declare('int posix_spawnattr_setpgroup(void *, int)')(attributes, 0)
    const setFlags = this.declare('int posix_spawnattr_setflags(void *, short)')
    setFlags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF)
    return attributes
  }

  private fileActions(terminal: number | null): Buffer | null {
    if (terminal === null) return null
    const actions = Buffer.alloc(OPAQUE_BYTES)
    this.declare('int posix_spawn_file_actions_init(void *)')(actions)
    try {
      // Not in every C library; without it the guardian sets the foreground a moment after the start.
      this.declare('int posix_spawn_file_actions_addtcsetpgrp_np(void *, int)')(actions, terminal)
      return actions
    } catch {
      return null
    }
  }

  /** A null-ended array of pointers to null-ended strings. `bytes` must live as long as the pointers are used. */
  private strings(values: readonly string[]): { readonly pointers: Buffer; readonly bytes: Buffer } {
    const bytes = Buffer.from(values.map((value) => `${value}\0`).join(''), 'latin1')
    const pointers = Buffer.alloc((values.length + 1) * POINTER_BYTES)
    let address = bytes.length === 0 ? 0n : BigInt(this.addressOf(bytes, bytes, 0))
    values.forEach((value, index) => {
      pointers.writeBigUInt64LE(address, index * POINTER_BYTES)
      address += BigInt(value.length + 1)
    })
    return { pointers, bytes }
  }

  private error(call: string): Error {
    return new Error(`${call}: ${errnoName(this.errno())}`)
  }
}

/** The status word of `waitpid`, as `sys/wait.h` takes it apart. */
function readStatus(
  status: number,
):
  | { kind: 'exited'; code: number | null; signal: NodeJS.Signals | null }
  | { kind: 'stopped'; signal: NodeJS.Signals | null } {
  const low = status & 0x7f
  const high = (status >> 8) & 0xff
  if ((status & 0xff) === 0x7f) return { kind: 'stopped', signal: signalOfNumber(high) }
  if (low === 0) return { kind: 'exited', code: high, signal: null }
  return { kind: 'exited', code: null, signal: signalOfNumber(low) }
}

function signalOfNumber(number: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return found === undefined ? null : (found[0] as NodeJS.Signals)
}

function errnoName(number: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? 'unknown'
}
