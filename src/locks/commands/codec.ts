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
  return new Function('out', 'command', 'level', writing(fields, 'command')) as Writer
}

function writing(fields: Fields, from: string): string {
  return each(fields, (name, field) => {
    const value = `${from}.${name}`
    const write =
      field.item === null
        ? `out.${field.kind}(${value})`
        : `out.varint(${value}.length)\nfor (const ${name}_ of ${value}) {\n${writing(field.item, `${name}_`)}\n}`
    return field.since > BASE_LEVEL ? `if (level >= ${field.since}) {\n${write}\n}` : write
  }).join('\n')
}

function makeReader({ type, fields }: Row): Reader {
  return new Function('input', 'level', 'items', `return { type: ${type},\n${reading(fields)} }`) as Reader
}

/** An object literal names every field in one order, so that each type of command has one shape; it is read in that order. */
function reading(fields: Fields): string {
  return each(fields, (name, field) => {
    const read = field.item === null ? `input.${field.kind}()` : `items(input, () => ({ ${reading(field.item)} }))`
    if (field.since === BASE_LEVEL) return `${name}: ${read}`
    return `${name}: level >= ${field.since} ? ${read} : ${JSON.stringify(field.absent)}`
  }).join(',\n')
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
