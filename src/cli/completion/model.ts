/** What may be typed, read from the table of the commands: the scripts of all shells are made of this. */
import type { Command, Option } from 'commander'

export interface Choice {
  readonly word: string
  readonly help: string
}

export type Kind = 'files' | 'folders' | 'commands' | 'keys' | 'words' | 'nothing'

/** What may stand in a place. `words`: one of `words`; `nothing`: something that nobody can guess. */
export interface Place {
  readonly kind: Kind
  readonly words: readonly string[]
}

export interface Flag {
  /** `-v`, `--verbose`. */
  readonly spellings: readonly string[]
  readonly help: string
  /** Null: it takes no value. */
  readonly value: Place | null
}

/** A command, where the line stands behind it. */
export interface Stage {
  /** `tnl members add`. */
  readonly path: string
  readonly commands: readonly Choice[]
  readonly flags: readonly Flag[]
  /** The last one may be repeated. */
  readonly places: readonly Place[]
}

/** Every stage of a program, the shortest path first. `root`: the first word of the paths. */
export function stagesOf(command: Command, root: string): readonly Stage[] {
  const children = command.commands.filter((child) => child.name() !== 'help')
  const flags = command.options.filter(({ hidden }) => !hidden).map(flagOf)
  const own: Stage = {
    path: root,
    commands: children.map((child) => ({ word: child.name(), help: firstSentence(child.description()) })),
    flags: [...flags, { spellings: ['-h', '--help'], help: 'display help', value: null }],
    places: command.registeredArguments.map((argument) => placeOf(argument.name(), argument.argChoices)),
  }
  return [own, ...children.flatMap((child) => stagesOf(child, `${root} ${child.name()}`))]
}

function flagOf({ short, long, description, flags, required, argChoices }: Option): Flag {
  const [, name = ''] = /<([^>]+)>/.exec(flags) ?? []
  return {
    spellings: [short, long].filter((spelling) => spelling !== undefined && spelling !== null),
    help: firstSentence(description),
    value: required ? placeOf(name, argChoices) : null,
  }
}

/** By the name that the help gives it: `FILE`, `EXE...`, or the words themselves, as `S|forever`. */
function placeOf(name: string, choices: readonly string[] | undefined): Place {
  const words = choices ?? name.split('|').filter((word) => /^[a-z][a-z-]*$/.test(word))
  if (words.length > 0) return { kind: 'words', words }
  return { kind: KINDS[name.replace(/\.+$/, '')] ?? 'nothing', words: [] }
}

const KINDS: Readonly<Record<string, Kind>> = {
  COMMAND: 'commands',
  DIR: 'folders',
  EXE: 'files',
  FILE: 'files',
  KEY: 'keys',
  LOCK: 'keys',
  NAME: 'keys',
  PREFIX: 'keys',
}

/** One line, without what a shell or its completion would read as its own. */
function firstSentence(text: string): string {
  return (text.split(/[;(]/, 1)[0] ?? '')
    .replace(/[:'"`$\\[\]\n]/g, ' ')
    .replace(/ +/g, ' ')
    .trim()
}
