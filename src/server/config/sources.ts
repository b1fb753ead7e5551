import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml'
import { UsageError } from '../exit-codes.js'
import { nearest } from './nearest.js'
import { isOptionName, OPTIONS, type OptionName } from './options.js'

/** One value as its author wrote it, and how an error message names it. */
export interface Setting {
  readonly name: OptionName
  readonly text: string
  /** `--lease`, or `--lease (TNL_LEASE)`, or `--lease (tnl.yml line 3)`. */
  readonly label: string
  /** 0 flag, 1 variable, 2 file: the lowest wins. */
  readonly rank: number
}

type Source = ReadonlyMap<OptionName, Setting>

/** A wrong value: the message names the flag, where it was set, and the value. */
export function wrongValue(setting: Setting, why: string): UsageError {
  return new UsageError(`${setting.label.replace(/^(\S+)/, `$1 ${setting.text}`)}: ${why}`)
}

/** Flag, else variable, else configuration file. */
export class Settings {
  readonly #sources: readonly Source[]

  constructor(sources: readonly Source[]) {
    this.#sources = sources
  }

  find(name: OptionName): Setting | null {
    for (const source of this.#sources) {
      const setting = source.get(name)
      if (setting !== undefined) return setting
    }
    return null
  }
}

export function settingsOfFlags(flags: ReadonlyMap<OptionName, string>): Source {
  const source = new Map<OptionName, Setting>()
  for (const [name, text] of flags) source.set(name, { name, text, label: `--${name}`, rank: 0 })
  return source
}

/** An empty variable counts as unset. Links made by Kubernetes (`TNL_PORT=tcp://…`) are ignored, with a warning. */
export function settingsOfEnvironment(environment: NodeJS.ProcessEnv, warnings: string[]): Source {
  const source = new Map<OptionName, Setting>()
  for (const { name } of OPTIONS) {
    const variable = variableOf(name)
    const text = environment[variable]
    if (text === undefined || text === '') continue
    if (isLink(text)) {
      warnings.push(`${variable}=${text} is ignored: it is a link made for a service, not a setting`)
      continue
    }
    source.set(name, { name, text, label: `--${name} (${variable})`, rank: 1 })
  }
  warnings.push(...misspelled(environment))
  return source
}

/** Variables of the other programs, which may be set for all of them together. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  ...['TNL_CONFIG', 'TNL_ENDPOINTS', 'TNL_REACH', 'TNL_HELD', 'TNL_LOCK_NAME', 'TNL_TOKEN', 'TNL_SESSION'],
  ...['TNL_TLS_CA', 'TNL_TLS_SERVER_NAME', 'TNL_TOKEN_FILE', 'TNL_AUTH_TOKEN'],
  ...['TNL_GUARDIAN', 'TNL_NATIVE', 'TNL_MODEL_RUNS', 'TNL_SHRINK'],
])

/** What Kubernetes makes of context `tnl` and `tnl-…`: `TNL_SERVICE_HOST`, `TNL_0_PORT_7654_TCP_ADDR`. */
const SERVICE_LINK =
  /^TNL_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)$/

/** A setting with a misspelled name would be ignored silently, and the default would be in force. */
function misspelled(environment: NodeJS.ProcessEnv): string[] {
  const names = OPTIONS.map(({ name }) => variableOf(name))
  const known = new Set<string>(names)
  const warnings: string[] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('TNL_') || known.has(variable) || OTHER_VARIABLES.has(variable)) continue
    if (SERVICE_LINK.test(variable) || isLink(text ?? '')) continue
    const meant = nearest(variable, names)
    warnings.push(`${variable} is no setting and is ignored${meant === null ? '' : ` (${meant}?)`}`)
  }
  return warnings
}

function isLink(text: string): boolean {
  return /^(?:tcp|udp|sctp):\/\//.test(text)
}

export function variableOf(name: OptionName): string {
  return `TNL_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Reads a YAML file whose keys are the flags without dashes. Throws UsageError with the line of what is wrong. */
export function settingsOfFile(path: string): Source {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--config ${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [firstError] = document.errors
  if (firstError !== undefined) {
    throw new UsageError(
      `--config ${path} line ${lines.linePos(firstError.pos[0]).line}: ${firstLine(firstError.message)}`,
    )
  }
  const source = new Map<OptionName, Setting>()
  if (document.contents === null) return source
  if (!isMap(document.contents)) throw new UsageError(`--config ${path}: must hold keys and values (node-id: n1)`)
  for (const pair of document.contents.items) {
    const setting = settingOfPair(pair, path, lines)
    source.set(setting.name, setting)
  }
  return source
}

function settingOfPair(pair: Pair<unknown, unknown>, path: string, lines: LineCounter): Setting {
  const key = isScalar(pair.key) ? pair.key : null
  const name = String(key?.value)
  const { line } = lines.linePos(key?.range?.[0] ?? 0)
  if (!isOptionName(name)) {
    const meant = nearest(
      name,
      OPTIONS.map((option) => option.name),
    )
    throw new UsageError(`--config ${path} line ${line}: unknown key ${name}${meant === null ? '' : ` (${meant}?)`}`)
  }
  const text = textOfValue(pair.value)
  if (text === null) throw new UsageError(`--config ${path} line ${line}: ${name}: not a plain value or list of them`)
  return { name, text, label: `--${name} (${path} line ${line})`, rank: 2 }
}

/** Lists are joined by commas; `cluster` may also be a map of node ids to addresses. */
function textOfValue(value: unknown): string | null {
  if (isScalar(value)) return value.value === null ? null : String(value.value)
  if (isSeq(value)) return joinAll(value.items.map(textOfValue))
  if (isMap(value)) return joinAll(value.items.map(textOfMapping))
  return null
}

function textOfMapping(pair: Pair<unknown, unknown>): string | null {
  const value = textOfValue(pair.value)
  return value === null || !isScalar(pair.key) ? null : `${String(pair.key.value)}=${value}`
}

function joinAll(texts: readonly (string | null)[]): string | null {
  return texts.includes(null) ? null : texts.join(',')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text
}
