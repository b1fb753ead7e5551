/** What the fields of a command may be. The table in `commands.ts` is made of these, and `codec.ts` writes and reads by them. */
import { BASE_LEVEL } from '../../feature-level.js'

export interface Field<T> {
  /** The method of `ByteWriter` and `ByteReader` that carries it; a list is a count and its items. */
  readonly kind: 'text' | 'wide' | 'varint' | 'signed' | 'bool' | 'list'
  /** The feature level from which on it is written. */
  readonly since: number
  /** What it is in a command that was written below that level. */
  readonly absent: T
  /** Of a list: the fields of an item. */
  readonly item: Fields | null
  /** Mostly `absent`, and then not written: see `rare`. */
  readonly isRare: boolean
}

export type Fields = { readonly [name: string]: Field<unknown> }

/** The values that these fields have. */
export type Values<F extends Fields> = { readonly [N in keyof F]: F[N] extends Field<infer T> ? T : never }

/** One command: its number in the log, the feature level that it needs, and its fields in the order of their bytes. */
export interface Row {
  /** 0 to 255. Never changes its meaning, and is never used again. */
  readonly type: number
  readonly level: number
  readonly fields: Fields
}

export type Table = { readonly [name: string]: Row }

const field = <T>(kind: Field<T>['kind'], absent: T): Field<T> => ({
  kind,
  since: BASE_LEVEL,
  absent,
  item: null,
  isRare: false,
})

export const text: Field<string> = field('text', '')
/** Uses most of its 53 bits: an epoch, a session id, a token. */
export const wide: Field<number> = field('wide', 0)
/** Mostly small. */
export const varint: Field<number> = field('varint', 0)
/** May be negative; below 2^52 either way. */
export const signed: Field<number> = field('signed', 0)
export const bool: Field<boolean> = field('bool', false)

export function list<F extends Fields>(item: F): Field<readonly Values<F>[]> {
  return { kind: 'list', since: BASE_LEVEL, absent: [], item, isRare: false }
}

/**
 * A field that most commands do not use. Those of a command stand side by side, and one number before them says which of them
 * differ from `absent`: only these are written, and of a bool not even that. An `ask` with nothing but a name and a time to
 * wait has one byte for its nine rare fields. The first seven fit into that byte, so the most used ones come first.
 */
export function rare<T>(added: Field<T>, absent: T = added.absent): Field<T> {
  return { ...added, absent, isRare: true }
}

/**
 * A field that a later release adds to a command. Below that level it is neither written nor read, and counts as `absent`:
 * `weight: since(2, varint, 1)` has one in every command that a cluster of level 1 wrote.
 */
export function since<T>(level: number, added: Field<T>, absent: T): Field<T> {
  return { ...added, since: level, absent }
}
