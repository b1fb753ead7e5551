/**
 * What tnl-do was started with, byte for byte. Node changes most of it before any JavaScript runs: it sets every signal to
 * its default, raises the limit of open files, closes descriptors on exec, and reads arguments and variables as UTF-8. So
 * the starter script `bin/tnl-do` looks before Node does and tells in variables, which the command never sees.
 */
import { fstatSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'

export interface Start {
  /** `NAME=VALUE` each, one byte a character (latin1). */
  readonly variables: readonly string[]
  /** The last `count` arguments, one byte a character. */
  lastWords(count: number): string[]
  readonly ignoredSignals: readonly number[]
  readonly descriptors: readonly number[]
  readonly openFiles: number | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** `PID SIGNALS FILES DESCRIPTOR...`: whose start it tells of, the mask of ignored signals, the soft limit of open files. */
const START_VARIABLE = 'TNL_DO_START'
/** The whole environment in hexadecimal: a shell keeps no variable whose name is none of its own. */
const ENVIRONMENT_VARIABLE = 'TNL_DO_ENVIRON'
/** What was set aside for Node; only where the environment cannot be read as a whole. */
const NODE_OPTIONS_VARIABLE = 'TNL_DO_NODE_OPTIONS'
/** Neither may be set by whoever starts another process: Node needs to be told of its children. */
const NEVER_IGNORED: readonly number[] = [
  constants.signals.SIGCHLD,
  constants.signals.SIGKILL,
  constants.signals.SIGSTOP,
]
const FIRST_FURTHER_DESCRIPTOR = 3

/** `words`: the arguments of tnl-do as Node read them. */
export function readStart(words: readonly string[], env: Environment): Start {
  const raw = { words: readNulls('/proc/self/cmdline'), variables: readNulls('/proc/self/environ') }
  const [processId, mask = '', files = '', ...descriptors] = (env[START_VARIABLE] ?? '').split(' ')
  // A variable of that name may have come from anywhere.
  const isOurs = processId === String(process.pid)
  return {
    variables: variablesOf(isOurs ? env : {}, raw.variables ?? encode(env)),
    lastWords: (count) => last(raw.words ?? words.map(latin1), count),
    ignoredSignals: isOurs ? signalsInMask(mask).filter((signal) => !NEVER_IGNORED.includes(signal)) : [],
    descriptors: isOurs ? descriptors.map(Number).filter(isOpen) : [],
    openFiles: isOurs && /^\d+$/.test(files) ? Number(files) : null,
  }
}

function isOpen(descriptor: number): boolean {
  try {
    return descriptor >= FIRST_FURTHER_DESCRIPTOR && fstatSync(descriptor) !== undefined
  } catch {
    return false
  }
}

/** The numbers of signals that are in a mask as /proc/PID/status writes it. */
export function signalsInMask(hexadecimal: string): number[] {
  if (!/^[0-9a-f]{1,16}$/i.test(hexadecimal)) return []
  const mask = BigInt(`0x${hexadecimal}`)
  return [...new Set(Object.values(constants.signals))].filter((signal) => ((mask >> BigInt(signal - 1)) & 1n) === 1n)
}

/** True if the text was not UTF-8, so that Node has replaced a part of it. */
export function isReplaced(text: string): boolean {
  return text.includes('\uFFFD')
}

function variablesOf(env: Environment, present: readonly string[]): string[] {
  const told = (env[ENVIRONMENT_VARIABLE] ?? '').replace(/\s/g, '')
  if (told !== '' && /^([0-9a-f]{2})+$/i.test(told)) return splitNulls(Buffer.from(told, 'hex').toString('latin1'))
  const own = [START_VARIABLE, ENVIRONMENT_VARIABLE, NODE_OPTIONS_VARIABLE]
  const others = present.filter((variable) => !own.some((name) => variable.startsWith(`${name}=`)))
  const nodeOptions = env[NODE_OPTIONS_VARIABLE]
  return nodeOptions === undefined ? others : [...others, latin1(`NODE_OPTIONS=${nodeOptions}`)]
}

function encode(env: Environment): string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [latin1(`${name}=${value}`)]))
}

/** A text with one character for each byte of its UTF-8. */
export function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function last<T>(values: readonly T[], count: number): T[] {
  return count === 0 ? [] : values.slice(-count)
}

/** Null where there is no such file. */
function readNulls(path: string): string[] | null {
  try {
    return splitNulls(readFileSync(path, 'latin1'))
  } catch {
    return null
  }
}

function splitNulls(text: string): string[] {
  const parts = text.split('\0')
  // Each ends with one.
  if (parts.at(-1) === '') parts.pop()
  return parts
}
