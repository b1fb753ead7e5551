/** What the commands of `tnl` have in common. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { nearest } from '../../server/config/nearest.js'
import { type ClusterAccess, readAccess } from '../shared/cluster-access.js'
import { addSecurityOptions, type SecurityFlags } from '../shared/security-options.js'

export const ENDPOINTS = ['--endpoints <H:P,...>', 'nodes to ask (default TNL_ENDPOINTS, else localhost:7654)'] as const

/** `-v`, `-vv`: how often it was given. */
export function verbose(): Option {
  return new Option('-v, --verbose', 'say more on stderr; -vv: all there is').argParser(
    (_: string, before: number | undefined) => (before ?? 0) + 1,
  )
}

/** The shape of each command's is in docs/cli.md. */
export const JSON_OPTION = ['--json', 'as JSON'] as const

export interface AskOptions extends SecurityFlags {
  readonly endpoints?: string
  readonly json?: boolean
  readonly wait?: string
}

/** Reads one of a few words. Whoever mistypes it gets the nearest. */
export function oneOf<T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice !== undefined) return choice
    throw new InvalidArgumentError(`must be ${choices.join(' or ')}.${didYouMean(text, choices)}`)
  }
}

/**
 * A group that does something without a word, as `tnl members`, takes a mistyped word for an argument of that: it is refused
 * with the nearest one.
 */
export function refuseUnknownWords(group: Command, standard: Command): void {
  standard.allowExcessArguments().hook('preAction', (command) => {
    const word = command.args[command.registeredArguments.length]
    if (word === undefined) return
    const names = group.commands.map((each) => each.name())
    group.error(`error: unknown command '${word}'${didYouMean(word, names)}`)
  })
}

function didYouMean(word: string, names: readonly string[]): string {
  const meant = nearest(word, names)
  return meant === null ? '' : `\n(Did you mean ${meant}?)`
}

export function accessOf(options: AskOptions): ClusterAccess {
  return readAccess(options, process.env)
}

/** Whatever speaks to nodes can do so in TLS, and with a token. */
export function secureCommands(command: Command): void {
  if (command.options.some(({ long }) => long === '--endpoints')) addSecurityOptions(command)
  for (const each of command.commands) secureCommands(each)
}

/** The default of `tnl`'s commands. */
const EXIT_STATUSES = '0 done; 1 the cluster refused; 2 bad usage; 3 failed; 125 no endpoint answered.'

const HELP_WIDTH_CHARS = 80

const explained = new WeakSet<Command>()

/** In the place of the default. `words`: each status with what it means, for the help. */
export function addExitStatuses(command: Command, words: string): Command {
  explained.add(command)
  return addText(command, `Exit status: ${words}`)
}

/** Gives every command below its exit statuses that has none of its own; `others` are programs by themselves. */
export function explainExits(command: Command, others: readonly string[]): void {
  for (const each of command.commands) {
    if (others.includes(each.name())) continue
    if (!explained.has(each)) addExitStatuses(each, EXIT_STATUSES)
    explainExits(each, others)
  }
}

/** Below the options, as wide as a terminal is at least. */
export function addText(command: Command, words: string): Command {
  const lines: string[] = ['']
  for (const word of words.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line.length + 1 + word.length > HELP_WIDTH_CHARS) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return command.addHelpText('after', `\n${lines.join('\n')}`)
}

export function addExamples(command: Command, ...examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return command.addHelpText('after', `\n${title}:\n${examples.map((example) => `  ${example}`).join('\n')}`)
}
