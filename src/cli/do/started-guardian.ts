/**
 * The processes beside tnl-do, started: its guardian, and the watcher of last resort. A guardian takes as long to start as Node
 * does, and `hello` waits for it (rules.md rule 6). So tnl-do starts it before it reads the rest of its own program, and this
 * file imports next to nothing (ADR 19).
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import { NO_DESCRIPTOR } from '../guarding/watcher-words.js'
import { programFile } from '../shared/program-file.js'
import { mayHaveNative } from '../system/native.js'
import { glanceAtDescendants } from '../system/processes.js'
import { Watcher } from './watcher.js'

export const MARK_VARIABLE = 'TNL_GUARDIAN'
const FIRST_FURTHER_DESCRIPTOR = 3
/** With these words tnl-do only prints; they may also be the command's, and then the guardian is started a moment later. */
const PRINTING: readonly string[] = ['-h', '--help', '-V', '--version']
/** Here the guardian is started with the descriptor of a lock that is still to be taken. */
const LATER = '--local'

type Stdio = 'ignore' | 'ipc' | number | Writable

export interface StartedGuardian {
  readonly child: ChildProcess
  readonly watcher: Watcher
  /** In the environment of the guardian and of its command, so that the command is found without the guardian. */
  readonly mark: string
  /** Children of this process that have nothing to do with the command, the watcher among them. */
  readonly others: Set<number>
  /** The guardian is dead, or could not be started. */
  readonly exited: Promise<void>
}

/** False if tnl-do surely runs no command, or may have to start its guardian later. */
export function startsEarly(words: readonly string[]): boolean {
  return words.length > 0 && !words.some((word) => PRINTING.includes(word) || word === LATER)
}

/**
 * `descriptors`: what was given to tnl-do besides 0–2, for the command to inherit. `locks`: those that are the locks themselves,
 * for the guardian and the watcher to keep.
 */
export function startGuardian(
  descriptors: readonly number[] = [],
  program: string = programFile('guardian'),
  locks: readonly number[] = [],
): StartedGuardian {
  const mark = `${process.pid}-${randomBytes(8).toString('hex')}`
  const watcher = new Watcher(`${MARK_VARIABLE}=${mark}`, locks)
  const others = new Set(glanceAtDescendants(process.pid).map(({ id }) => id))
  const pipe = watcher.pipe
  const [channel = 0, watcherEnd = 0, ...lockEnds] = freeNumbers(descriptors, 2 + locks.length)
  const last = Math.max(watcherEnd, ...descriptors, ...lockEnds)
  const stdio: Stdio[] = Array.from({ length: last + 1 }, (_, index) =>
    index < FIRST_FURTHER_DESCRIPTOR || descriptors.includes(index) ? index : 'ignore',
  )
  stdio[channel] = 'ipc'
  if (pipe !== null) stdio[watcherEnd] = pipe
  for (const [index, end] of lockEnds.entries()) stdio[end] = locks[index] ?? 'ignore'
  const { NODE_OPTIONS: _application, ...env } = process.env
  const child = fork(program, [channel, pipe === null ? NO_DESCRIPTOR : watcherEnd, ...lockEnds].map(String), {
    // The guardian leaves the process group of tnl-do by itself, in the same session, so that the command keeps the
    // terminal. Where it cannot, it gets a session of its own: a signal to tnl-do's group must not reach it.
    detached: !mayHaveNative(),
    stdio,
    env: { ...env, [MARK_VARIABLE]: mark },
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  return { child, watcher, mark, others, exited }
}

/** Nothing was run. */
export function dismissGuardian({ child, watcher }: StartedGuardian): void {
  child.kill('SIGKILL')
  if (child.connected) child.disconnect()
  watcher.done()
}

/** The lowest descriptors that were not given to tnl-do: the command gets those under their own numbers. */
function freeNumbers(taken: readonly number[], count: number): number[] {
  const candidates = Array.from({ length: taken.length + count }, (_, index) => FIRST_FURTHER_DESCRIPTOR + index)
  return candidates.filter((each) => !taken.includes(each)).slice(0, count)
}
