/**
 * Scenario files in the grammar of cockroachdb/datadriven: stanzas of a directive, optional input lines, `----` and the
 * expected output, which ends at the first blank line or is enclosed in doubled separators when it has blank lines.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const SEPARATOR = '----'

export interface Arg {
  readonly key: string
  readonly vals: readonly string[]
}

export interface Directive {
  readonly cmd: string
  readonly args: readonly Arg[]
  /** The lines between directive and separator, trimmed as a whole. */
  readonly input: string
  /** Newline-terminated; null when the stanza has no separator, and so expects nothing. */
  readonly expected: string | null
  /** 1-based line of the directive in its file. */
  readonly line: number
}

/** Carries a directive out and returns its output; a missing final newline is added. */
export type Handler = (directive: Directive) => string

export interface CaseResult {
  readonly file: string
  readonly line: number
  readonly cmd: string
  readonly expected: string
  readonly actual: string
}

export interface RunResult {
  readonly name: string
  readonly passed: number
  readonly failed: readonly CaseResult[]
}

/** Applied to the expected and to the actual output before they are compared. */
export type Normalize = (output: string) => string

/** The source text of a stanza up to its separator, with the comments and blank lines before it. */
interface Stanza {
  readonly source: readonly string[]
  readonly directive: Directive | null
}

export class ScenarioSyntaxError extends Error {
  override readonly name = 'ScenarioSyntaxError'
}

/** Runs the file at `path` and compares. */
export function runFile(path: string, handler: Handler, normalize?: Normalize): RunResult {
  return runText(readFileSync(path, 'utf8'), path, handler, normalize)
}

/** The same for a file of this project: with UPDATE_SCENARIOS=1 it is rewritten instead with the outputs it got. */
export function runOwnFile(path: string, handler: Handler, normalize?: Normalize): RunResult {
  if (process.env.UPDATE_SCENARIOS !== '1') return runFile(path, handler, normalize)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, rewriteText(text, path, handler))
  return { name: basename(path), passed: parseDirectives(text, path).length, failed: [] }
}

/** Runs all stanzas of `text`, which share what state the handler keeps. A handler that throws fails its case. */
export function runText(
  text: string,
  path: string,
  handler: Handler,
  normalize: Normalize = (output) => output,
): RunResult {
  let passed = 0
  const failed: CaseResult[] = []
  for (const { directive } of parse(text, path)) {
    if (directive === null || directive.cmd === 'subtest') continue
    const { line, cmd, expected } = directive
    const { output, threw } = outputOrError(directive, handler)
    if (!threw && (expected === null || normalize(output) === normalize(expected))) passed++
    else failed.push({ file: path, line, cmd, expected: expected ?? '', actual: output })
  }
  return { name: basename(path), passed, failed }
}

/** `text` with the handler's outputs in place of the expected ones. Comments and everything else stay as they are. */
export function rewriteText(text: string, path: string, handler: Handler): string {
  const lines: string[] = []
  for (const { source, directive } of parse(text, path)) {
    lines.push(...source)
    if (directive === null || directive.cmd === 'subtest') continue
    const output = terminated(handler(directive)).slice(0, -1).split('\n')
    const fence = output.some((line) => line.trim() === '') ? [SEPARATOR, SEPARATOR] : [SEPARATOR]
    lines.push(...fence, ...output)
    if (fence.length > 1) lines.push(...fence)
    lines.push('')
  }
  return `${lines.join('\n').trimEnd()}\n`
}

function outputOrError(directive: Directive, handler: Handler): { output: string; threw: boolean } {
  try {
    return { output: terminated(handler(directive)), threw: false }
  } catch (error) {
    return { output: `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`, threw: true }
  }
}

function terminated(output: string): string {
  return output.endsWith('\n') ? output : `${output}\n`
}

// ---------------------------------------------------------------------------------------------- arguments

export function findArg(directive: Directive, key: string): Arg | undefined {
  return directive.args.find((arg) => arg.key === key)
}

/** The single value of argument `key`; undefined when the argument is absent. */
export function stringArg(directive: Directive, key: string): string | undefined {
  const arg = findArg(directive, key)
  if (arg === undefined) return undefined
  const [value, ...rest] = arg.vals
  if (value === undefined || rest.length > 0) throw new ScenarioSyntaxError(`${key} takes one value`)
  return value
}

export function intArg(directive: Directive, key: string): number | undefined {
  const text = stringArg(directive, key)
  return text === undefined ? undefined : parseInteger(text)
}

export function boolArg(directive: Directive, key: string): boolean | undefined {
  const text = stringArg(directive, key)
  if (text === undefined || text === 'true' || text === 'false') return text === undefined ? undefined : text === 'true'
  throw new ScenarioSyntaxError(`${key} is true or false, not ${text}`)
}

export function parseInteger(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new ScenarioSyntaxError(`not an integer: ${text}`)
  return Number(text)
}

// ------------------------------------------------------------------------------------------------ parsing

/** The directives of a scenario file, in order. */
export function parseDirectives(text: string, path: string): Directive[] {
  return parse(text, path).flatMap(({ directive }) => directive ?? [])
}

function parse(text: string, path: string): Stanza[] {
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n')
  const stanzas: Stanza[] = []
  let position = 0
  let pending: string[] = []
  while (position < lines.length) {
    const line = position + 1
    const source = lines[position++] as string
    pending.push(source)
    if (source.trim() === '' || source.trim().startsWith('#')) continue

    let text = source.trim()
    while (text.endsWith('\\') && position < lines.length) {
      const next = lines[position++] as string
      pending.push(next)
      text = `${text.slice(0, -1)} ${next.trim()}`
    }
    const { cmd, args } = parseDirectiveLine(text, `${path}:${line}`)

    const body = cmd === 'subtest' ? { input: [], expected: null, end: position } : readBody(lines, position)
    pending.push(...body.input)
    position = body.end
    const input = body.input.join('\n').trim()
    stanzas.push({ source: pending, directive: { cmd, args, input, expected: body.expected, line } })
    pending = []
  }
  if (pending.length > 0) stanzas.push({ source: pending, directive: null })
  return stanzas
}

interface Body {
  readonly input: readonly string[]
  readonly expected: string | null
  /** The line after it. */
  readonly end: number
}

function readBody(lines: readonly string[], start: number): Body {
  const separator = lines.indexOf(SEPARATOR, start)
  if (separator < 0) return { input: lines.slice(start), expected: null, end: lines.length }
  const input = lines.slice(start, separator)
  const first = separator + 1
  if (lines[first] === SEPARATOR) {
    let close = first + 1
    while (close < lines.length && !(lines[close] === SEPARATOR && lines[close + 1] === SEPARATOR)) close++
    const afterFence = close + 2
    // The rewriter puts a blank line after an output, so the one that is there belongs to this stanza.
    const end = lines[afterFence]?.trim() === '' ? afterFence + 1 : afterFence
    return { input, expected: joined(lines.slice(first + 1, close)), end }
  }
  let close = first
  while (close < lines.length && (lines[close] as string).trim() !== '') close++
  return { input, expected: joined(lines.slice(first, close)), end: close + 1 }
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Reads `cmd key key=value key=(value, f(x, y))`. */
export function parseDirectiveLine(text: string, position = ''): { cmd: string; args: Arg[] } {
  const [cmd, ...rest] = text.trim().split(' ')
  const args: Arg[] = []
  let left = rest.join(' ').trim()
  const fail = (): never => {
    const column = text.trim().length - left.length + 1
    throw new ScenarioSyntaxError(`${position}: cannot parse directive at column ${column}: ${text}`)
  }
  while (left !== '') {
    const key = /^[^ =]*/.exec(left)?.[0] ?? ''
    if (key === '') fail()
    left = left.slice(key.length)
    if (!left.startsWith('=')) {
      args.push({ key, vals: [] })
    } else if (left.startsWith('=(')) {
      const list = readList(left.slice(2)) ?? fail()
      args.push({ key, vals: list.vals })
      left = list.rest
    } else {
      const value = /^[^ ]*/.exec(left.slice(1))?.[0] ?? ''
      args.push({ key, vals: [value] })
      left = left.slice(1 + value.length)
    }
    left = left.trim()
  }
  return { cmd: cmd ?? '', args }
}

/** Reads `a, f(b, c))` up to the closing parenthesis; null when there is none. */
function readList(text: string): { vals: string[]; rest: string } | null {
  const vals: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === '(') depth++
    else if (char === ')' && depth > 0) depth--
    else if (depth === 0 && (char === ')' || char === ',')) {
      vals.push(text.slice(start, i).trimStart())
      if (char === ')') return { vals, rest: text.slice(i + 1) }
      start = i + 1
    }
  }
  return null
}
