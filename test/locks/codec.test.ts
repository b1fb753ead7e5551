import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, FormatError } from '../../src/bytes/reader.js'
import { utf8Length } from '../../src/bytes/utf8.js'
import { ByteWriter, EncodingError } from '../../src/bytes/writer.js'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { CommandCodec, decodeCommand, encodeCommand } from '../../src/locks/commands/codec.js'
import { COMMANDS, type Command, CommandType } from '../../src/locks/commands/commands.js'
import {
  type Field,
  type Fields,
  list,
  type Row,
  rare,
  since,
  type Table,
  text,
  varint,
  wide as wideField,
} from '../../src/locks/commands/fields.js'
import { decodeMemberContext, encodeMemberContext } from '../../src/locks/state/members.js'

const wide = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(2 ** 32))
const scalars: Record<Exclude<Field<unknown>['kind'], 'list'>, fc.Arbitrary<unknown>> = {
  wide,
  varint: wide,
  signed: fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
  text: fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.constant('x'.repeat(300)),
  ),
  bool: fc.boolean(),
}

const anyOf = ({ kind, item }: Field<unknown>): fc.Arbitrary<unknown> =>
  kind === 'list' ? fc.array(valuesOf(item ?? {})) : scalars[kind]

function valuesOf(fields: Fields): fc.Arbitrary<Record<string, unknown>> {
  const arbitraries = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, anyOf(field)]))
  return fc.record(arbitraries, { noNullPrototype: true })
}

/** Whatever a row allows. */
const commandOf = ({ type, fields }: Row): fc.Arbitrary<unknown> =>
  valuesOf(fields).map((values) => ({ type, ...values }))

const commands = Object.entries(COMMANDS).map(([name, row]) => [name, commandOf(row)] as const)
const anyCommand = fc.oneof(...commands.map(([, arbitrary]) => arbitrary)) as fc.Arbitrary<Command>

describe('command codec', () => {
  test.each(commands)('%s comes back as it was', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (command) => {
        expect(decodeCommand(encodeCommand(command as Command, FEATURE_LEVEL))).toStrictEqual(command)
      }),
    )
  })

  test('a command cut short or continued is refused', () => {
    fc.assert(
      fc.property(anyCommand, fc.nat(), (command, at) => {
        const bytes = encodeCommand(command, FEATURE_LEVEL)
        expect(() => decodeCommand(bytes.slice(0, at % bytes.length))).toThrow(FormatError)
        expect(() => decodeCommand(Uint8Array.from([...bytes, 0]))).toThrow(FormatError)
      }),
    )
  })

  test('garbage is refused or is a command that is written the same way', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (bytes, type) => {
        const garbage = Uint8Array.from([1, type, ...bytes])
        let command: Command | null = null
        try {
          command = decodeCommand(garbage)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
        if (command !== null) expect(decodeCommand(encodeCommand(command))).toStrictEqual(command)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a level that this program does not know is named in the refusal', () => {
    expect(() => decodeCommand(Uint8Array.from([9, CommandType.sweep]))).toThrow(/level 9/)
    expect(() => decodeCommand(Uint8Array.from([0, CommandType.sweep]))).toThrow(/level 0/)
  })

  test('the bytes of level 1 stay what they are', () => {
    const header = { node: 'n1', epoch: 2 ** 40 + 5, session: 258, attach: 1, n: 3, ack: 0 }
    const asked = { name: 'x', waitMs: -1, meta: '', delayMs: 300, wallMs: 7 }
    const bytes = Buffer.from(encodeCommand({ type: CommandType.lock, ...header, request: 9, ...asked }))
    expect(bytes.toString('hex')).toBe('0107026e3105000000000100020100000000000103001201780100ac0207000000000000')
    const waits = [{ request: -2, leftMs: 5 }]
    const left = encodeCommand({ type: CommandType.waitsLeft, session: 1, attach: 2, waits })
    expect([...left]).toEqual([1, 21, 1, 0, 0, 0, 0, 0, 0, 2, 1, 3, 5])
  })

  describe('an ask', () => {
    const header = { node: 'n1', epoch: 2 ** 40 + 5, session: 258, attach: 1, n: 3, ack: 0 }
    const plain = {
      ...{ type: CommandType.ask, ...header, request: 9, asks: [{ name: 'x', amount: -1, limit: 0 }] },
      ...{ waitMs: -1, wallMs: 7, keepsAll: true, keeps: [], meta: '', ttlMs: 0, loose: false, delayMs: 0 },
      ...{ minHoldMs: 0, once: '', onceTtlMs: 0, keepsAnyones: false },
    } as const satisfies Command
    const bytesOf = (command: Command) => Buffer.from(encodeCommand(command, FEATURE_LEVEL)).toString('hex')
    const begin = '0218026e31050000000001000201000000000001030012010178010001' + '07000000000000'

    test('has one byte for all that most do not say', () => {
      expect(bytesOf(plain)).toBe(`${begin}00`)
      expect(bytesOf({ ...plain, keepsAll: false })).toBe(`${begin}01`)
      expect(bytesOf({ ...plain, meta: 'm', loose: true, ttlMs: 5 })).toBe(`${begin}1c016d05`)
    })

    test('has another one for what is said least', () => {
      expect(bytesOf({ ...plain, once: 'k', keepsAnyones: true })).toBe(`${begin}8005016b`)
    })

    test('with a flag that nobody knows is refused, not half understood', () => {
      for (const flags of ['8008', '8080808010']) {
        const bytes = Buffer.from(`${begin}${flags}`, 'hex')
        expect(() => decodeCommand(bytes)).toThrow(/flags/)
      }
    })
  })

  test('numbers that are no safe integers are not written', () => {
    const command: Command = { type: CommandType.expireSession, session: 2 ** 53, attach: 1, wallMs: 0 }
    expect(() => encodeCommand(command)).toThrow(/safe/)
    expect(() => encodeCommand({ ...command, session: 1, attach: -1 })).toThrow(/safe/)
    expect(() => encodeCommand({ ...command, session: 1, attach: 0.5 })).toThrow(/safe/)
  })

  test('a varint of more than 53 bits is refused', () => {
    for (const bytes of [new Array(9).fill(0x80), [255, 255, 255, 255, 255, 255, 255, 127], new Array(30).fill(255)]) {
      expect(() => new ByteReader(Uint8Array.from(bytes), 'test').varint()).toThrow(FormatError)
    }
    const out = new ByteWriter()
    out.varint(Number.MAX_SAFE_INTEGER)
    expect(new ByteReader(out.copy(), 'test').varint()).toBe(Number.MAX_SAFE_INTEGER)
  })
})

describe('a table of a later release', () => {
  const first = { take: { type: 1, level: 1, fields: { name: text } } } as const satisfies Table
  const second = {
    take: {
      type: 1,
      level: 1,
      fields: { name: text, weight: since(2, varint, 1), tags: since(2, list({ tag: text }), []) },
    },
    give: { type: 2, level: 2, fields: { to: wideField } },
  } as const satisfies Table
  const older = new CommandCodec(first)
  const newer = new CommandCodec(second)
  const take = { type: 1, name: 'x', weight: 7, tags: [{ tag: 'a' }] } as const

  test('writes a command under level 1 as the release before it', () => {
    expect(newer.encode(take, 1)).toStrictEqual(older.encode({ type: 1, name: 'x' }, 1))
    expect(older.decode(newer.encode(take, 1))).toStrictEqual({ type: 1, name: 'x' })
  })

  test('reads what the release before it wrote: the new fields are absent', () => {
    expect(newer.decode(older.encode({ type: 1, name: 'x' }, 1))).toStrictEqual({
      type: 1,
      name: 'x',
      weight: 1,
      tags: [],
    })
  })

  test('has the new field and the new command under its level', () => {
    expect(newer.decode(newer.encode(take, 2))).toStrictEqual(take)
    expect(newer.decode(newer.encode({ type: 2, to: 5 }, 2))).toStrictEqual({ type: 2, to: 5 })
  })

  test('does not write a new command below its level, and refuses one that says so', () => {
    expect(() => newer.encode({ type: 2, to: 5 }, 1)).toThrow(EncodingError)
    const bytes = newer.encode({ type: 2, to: 5 }, 2)
    bytes[0] = 1
    expect(() => newer.decode(bytes)).toThrow(FormatError)
  })

  test('writes what the release before it refuses by its level', () => {
    expect(newer.knownLevel).toBe(2)
    expect(() => older.decode(newer.encode(take, 2))).toThrow(/level 2 where this program knows 1/)
  })

  test('has its rare fields side by side, and as old as the command', () => {
    const row = (fields: Fields) => () => new CommandCodec({ take: { type: 1, level: 1, fields } })
    expect(row({ a: rare(text), b: rare(varint), c: text })).not.toThrow()
    expect(row({ a: rare(text), c: text, b: rare(varint) })).toThrow(/side by side/)
    expect(row({ a: rare(text), b: since(2, rare(varint), 0) })).toThrow(/side by side/)
    expect(row({ a: list({ b: rare(text) }) })).toThrow(/items/)
  })

  test('may not use a number twice', () => {
    expect(() => new CommandCodec({ ...first, other: first.take })).toThrow(/number of another/)
  })
})

describe('membership context', () => {
  test('comes back as it was; nothing is no members', () => {
    const infos = [
      { raftId: 4, nodeId: 'n4', peerAddress: '[::1]:7655' },
      { raftId: 5, nodeId: 'n5', peerAddress: 'n5.example:7655' },
    ]
    expect(decodeMemberContext(encodeMemberContext(infos))).toStrictEqual(infos)
    expect(decodeMemberContext(new Uint8Array(0))).toStrictEqual([])
    expect(() => decodeMemberContext(encodeMemberContext(infos).slice(0, -1))).toThrow(FormatError)
  })
})

test('the length in UTF-8 is that of the encoder', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      expect(utf8Length(value)).toBe(new TextEncoder().encode(value).length)
    }),
  )
})
