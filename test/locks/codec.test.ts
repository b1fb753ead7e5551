import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, FormatError } from '../../src/bytes/reader.js'
import { utf8Length } from '../../src/bytes/utf8.js'
import { ByteWriter } from '../../src/bytes/writer.js'
import { decodeCommand, encodeCommand } from '../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { decodeMemberContext, encodeMemberContext } from '../../src/locks/state/members.js'

const wide = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(2 ** 32))
const signed = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 })
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.constant('x'.repeat(300)),
)

const opening = { node: text, epoch: wide, conn: wide, floor: wide }
const lockRequest = { name: text, waitMs: signed, meta: text, delayMs: wide, wallMs: wide }
const attached = { node: text, epoch: wide, session: wide, attach: wide }
const header = { ...attached, n: wide, ack: wide }

const fields: Record<keyof typeof CommandType, Record<string, fc.Arbitrary<unknown>>> = {
  nodeUp: { node: text, epoch: wide, expected: wide, dead: wide, address: text, peer: text },
  nodeDown: { node: text, epoch: wide },
  expireNode: { node: text, epoch: wide },
  open: { ...opening, clientId: text, leaseMs: wide, lingerMs: wide, secretHash: text },
  openClassic: { ...opening, ...lockRequest, clientId: text },
  resume: { ...opening, session: wide, secretHash: text, attempt: wide },
  lock: { ...header, ...lockRequest, request: signed },
  release: { ...header, request: signed, name: text, token: wide },
  cancel: { ...header, request: signed, target: signed },
  waitTimeout: { ...header, target: signed },
  ack: header,
  end: attached,
  detach: { ...attached, fin: fc.boolean() },
  expireSession: { session: wide, attach: wide },
  detachedWaitTimeout: { session: wide, attach: wide, target: signed },
  sweep: {},
  claimMember: { raftId: wide, memberUid: text },
  delayOver: { name: text, token: wide },
  left: { session: wide, attach: wide, leftMs: wide },
  waitsLeft: {
    session: wide,
    attach: wide,
    waits: fc.array(fc.record({ request: signed, leftMs: wide }, { noNullPrototype: true })),
  },
  delayLeft: { name: text, token: wide, leftMs: wide },
}

const commands = (Object.keys(CommandType) as (keyof typeof CommandType)[]).map(
  (name) =>
    [
      name,
      fc.record(
        { type: fc.constant(CommandType[name]), ...fields[name] },
        { noNullPrototype: true },
      ) as fc.Arbitrary<unknown>,
    ] as const,
)
const anyCommand = fc.oneof(...commands.map(([, arbitrary]) => arbitrary)) as fc.Arbitrary<Command>

describe('command codec', () => {
  test.each(commands)('%s comes back as it was', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (command) => {
        expect(decodeCommand(encodeCommand(command as Command))).toStrictEqual(command)
      }),
    )
  })

  test('a command cut short or continued is refused', () => {
    fc.assert(
      fc.property(anyCommand, fc.nat(), (command, at) => {
        const bytes = encodeCommand(command)
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

  test('another version is named in the refusal', () => {
    expect(() => decodeCommand(Uint8Array.from([9, CommandType.sweep]))).toThrow(/version 9/)
  })

  test('numbers that are no safe integers are not written', () => {
    const command: Command = { type: CommandType.expireSession, session: 2 ** 53, attach: 1 }
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
