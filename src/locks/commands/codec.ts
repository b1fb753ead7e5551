/**
 * Commands as bytes of the log: the level under which they were written, their type, then their fields as the table has them.
 *
 * Writers and readers are made from the table once, when the program starts, as the code that one would write by hand:
 *
 *     nodeDown: { type: 2, … fields: { node: text, epoch: wide } }
 *
 *     (out, command, level) => { out.text(command.node); out.wide(command.epoch) }
 *     (input, level, items) => ({ type: 2, node: input.text(), epoch: input.wide() })
 *
 * A loop over the fields instead takes half as long again, for each command on every node (ADR 24). Only names and numbers
 * of the table get into that code, nothing that was read.
 */

import { ByteReader } from '../../bytes/reader.js'
import { ByteWriter, EncodingError } from '../../bytes/writer.js'
import { BASE_LEVEL, FEATURE_LEVEL } from '../../feature-level.js'
import { invariant } from '../../invariant.js'
import { COMMANDS, type Command, type CommandOf } from './commands.js'
import type { Field, Fields, Row, Table } from './fields.js'

type Of<T extends Table> = { [N in keyof T]: CommandOf<T, N> }[keyof T]
type Writer = (out: ByteWriter, command: unknown, level: number) => void
type Reader = (input: ByteReader, level: number, items: typeof readItems) => unknown

interface Known {
  readonly level: number
  readonly write: Writer
  readonly read: Reader
}

/** Types are bytes. */
const TYPES = 256
/** Rare fields of one command: their flags are told apart with operations on 32 bits. */
const RARE_MAX = 30

/** Writes and reads the commands of a table. */
export class CommandCodec<T extends Table> {
  /** The highest level of this program: commands of a higher one are of a newer program. */
  readonly knownLevel: number
  /** By type. */
  readonly #known: (Known | undefined)[] = new Array<Known | undefined>(TYPES).fill(undefined)
  /** One for all commands: encoding is synchronous, and the result is copied out. */
  readonly #out = new ByteWriter()

  /** `level`: of the program; a level may bring no command, but a record or a format. */
  constructor(table: T, level: number = BASE_LEVEL) {
    this.knownLevel = Math.max(level, ...Object.values(table).flatMap(levelsOf))
    for (const [name, row] of Object.entries(table)) {
      invariant(this.#known[row.type] === undefined, () => `commands: ${name} has the number of another one`)
      this.#known[row.type] = { level: row.level, write: makeWriter(row), read: makeReader(row) }
    }
  }

  /** Throws EncodingError on numbers that are out of range, and on a command that `level` does not have. */
  encode(command: Of<T>, level: number): Uint8Array {
    const type: number = command.type
    const known = this.#known[type]
    invariant(known !== undefined, () => `commands: no command has the number ${type}`)
    if (level < known.level) throw new EncodingError(`command ${type} needs level ${known.level}`)
    const out = this.#out
    out.clear()
    out.byte(level)
    out.byte(type)
    known.write(out, command, level)
    return out.copy()
  }

  /** Throws FormatError if the bytes are not exactly one command of a level that this program knows. */
  decode(bytes: Uint8Array, knownLevel: number = this.knownLevel): Of<T> {
    const input = new ByteReader(bytes, 'command')
    const level = input.byte()
    if (level < BASE_LEVEL || level > knownLevel) {
      input.fail(`level ${level} where this program knows ${knownLevel}`)
    }
    const type = input.byte()
    const known = this.#known[type] ?? input.fail(`command type ${type} is unknown`)
    if (level < known.level) input.fail(`command type ${type} in level ${level}, which does not have it`)
    const command = known.read(input, level, readItems) as Of<T>
    input.end()
    return command
  }
}

const codec = new CommandCodec(COMMANDS, FEATURE_LEVEL)

/** The command as it is proposed in a cluster of this level; throws EncodingError on numbers that are out of range. */
export const encodeCommand = (command: Command, level: number = BASE_LEVEL): Uint8Array => codec.encode(command, level)

/** The level under which it was written. Told without reading the rest, which only a program of that level can read. */
export const levelOfCommand = (bytes: Uint8Array): number => bytes[0] ?? 0

/** Throws FormatError if the bytes are not exactly one command of a level that this program knows. */
export const decodeCommand = (bytes: Uint8Array, programLevel: number = FEATURE_LEVEL): Command =>
  codec.decode(bytes, programLevel)

// ------------------------------------------------------------------------------------------- made from the table

function levelsOf({ level, fields }: Row): number[] {
  return [level, ...Object.values(fields).map(({ since }) => since)]
}

function makeWriter({ fields }: Row): Writer {
  for (const { item } of Object.values(fields)) {
    invariant(item === null || flagsOf(item).size === 0, 'commands: items of a list have no rare fields')
  }
  return new Function('out', 'command', 'level', writing(fields, 'command')) as Writer
}

function writing(fields: Fields, from: string): string {
  const flags = flagsOf(fields)
  return each(fields, (name, field) => {
    const value = `${from}.${name}`
    const write =
      field.item === null
        ? `out.${field.kind}(${value})`
        : `out.varint(${value}.length)\nfor (const ${name}_ of ${value}) {\n${writing(field.item, `${name}_`)}\n}`
    const flag = flags.get(name)
    if (flag !== undefined) {
      const before = flag === 1 ? `const rare = ${writingFlags(fields, flags, from)}\nout.varint(rare)\n` : ''
      return field.kind === 'bool' ? before : `${before}if ((rare & ${flag}) !== 0) {\n${write}\n}`
    }
    return field.since > BASE_LEVEL ? `if (level >= ${field.since}) {\n${write}\n}` : write
  }).join('\n')
}

function writingFlags(fields: Fields, flags: ReadonlyMap<string, number>, from: string): string {
  const each = [...flags].map(([name, flag]) => {
    const field = fields[name]
    const differs = field?.item === null ? `!== ${JSON.stringify(field.absent)}` : '.length > 0'
    return `(${from}.${name} ${differs} ? ${flag} : 0)`
  })
  return each.join(' + ')
}

function makeReader({ type, fields }: Row): Reader {
  const body = `let rare = 0\nreturn { type: ${type},\n${reading(fields)} }`
  return new Function('input', 'level', 'items', body) as Reader
}

/** An object literal names every field in one order, so that each type of command has one shape; it is read in that order. */
function reading(fields: Fields): string {
  const flags = flagsOf(fields)
  return each(fields, (name, field) => {
    const read = field.item === null ? `input.${field.kind}()` : `items(input, () => ({ ${reading(field.item)} }))`
    const absent = JSON.stringify(field.absent)
    const flag = flags.get(name)
    if (flag !== undefined) {
      const rare = flag === 1 ? `(rare = input.flags(${flags.size}))` : 'rare'
      const differs = `(${rare} & ${flag}) !== 0`
      return `${name}: ${differs} ? ${field.kind === 'bool' ? `!${absent}` : read} : ${absent}`
    }
    if (field.since === BASE_LEVEL) return `${name}: ${read}`
    return `${name}: level >= ${field.since} ? ${read} : ${absent}`
  }).join(',\n')
}

/** The rare fields, each with its bit. */
function flagsOf(fields: Fields): ReadonlyMap<string, number> {
  const entries = Object.entries(fields)
  const names = entries.filter(([, { isRare }]) => isRare).map(([name]) => name)
  const first = entries.findIndex(([, { isRare }]) => isRare)
  const areTogether = names.every((name, at) => entries[first + at]?.[0] === name)
  const areOfFirstLevel = names.every((name) => fields[name]?.since === BASE_LEVEL)
  invariant(areTogether && areOfFirstLevel && names.length <= RARE_MAX, 'commands: rare fields stand side by side')
  return new Map(names.map((name, at) => [name, 2 ** at]))
}

function each(fields: Fields, make: (name: string, field: Field<unknown>) => string): string[] {
  return Object.entries(fields).map(([name, field]) => {
    invariant(/^[a-z][a-zA-Z]*$/.test(name), () => `commands: ${name} is no name of a field`)
    return make(name, field)
  })
}

function readItems<T>(input: ByteReader, read: () => T): T[] {
  const items: T[] = []
  for (let more = input.varint(); more > 0; more--) items.push(read())
  return items
}
