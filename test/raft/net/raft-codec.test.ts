import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLocalMsg, type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { APPEND_THREAD, type Entry, EntryType, type Snapshot } from '../../../src/raft/core/types.js'
import { decodeMessages, encodeMessages, MessageError } from '../../../src/raft/wire/raft-codec.js'

const integer = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER))
const bytes = fc.uint8Array({ maxLength: 40 })
const ids = fc.array(integer, { maxLength: 5 })

const entry: fc.Arbitrary<Entry> = fc.record({
  term: integer,
  index: integer,
  type: fc.constantFrom(...Object.values(EntryType)),
  data: bytes,
})

const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  metadata: fc.record({
    index: integer,
    term: integer,
    confState: fc.record({
      voters: ids,
      learners: ids,
      votersOutgoing: ids,
      learnersNext: ids,
      autoLeave: fc.boolean(),
    }),
  }),
  data: bytes,
})

const remoteTypes = Object.values(MsgType).filter((type) => !isLocalMsg(type))

const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(...remoteTypes),
    to: integer,
    from: integer,
    term: integer,
    logTerm: integer,
    index: integer,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: integer,
    vote: integer,
    snapshot: fc.option(snapshot),
    reject: fc.boolean(),
    rejectHint: integer,
    context: bytes,
  })
  .map((fields) => message(fields.type, fields.to, fields.from, fields))

const wire = (messages: readonly Message[]) => Buffer.concat(encodeMessages(messages))
/** Text that is equal for equal messages, whatever class their byte arrays have. */
const plain = (messages: readonly Message[]) =>
  JSON.stringify(messages, function (this: Record<string, unknown>, key, value: unknown) {
    const field = this[key]
    return field instanceof Uint8Array ? Buffer.from(field).toString('hex') : value
  })

function decodesOrRefuses(payload: Uint8Array): void {
  try {
    decodeMessages(payload)
  } catch (error) {
    expect(error).toBeInstanceOf(MessageError)
  }
}

describe('raft codec', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 4 }), (messages) => {
        expect(plain(decodeMessages(wire(messages)))).toBe(plain(messages))
      }),
    )
  })

  it('does not copy entry data', () => {
    const data = Buffer.alloc(100_000, 7)
    const entries = [{ term: 1, index: 2, type: EntryType.normal, data }]
    expect(encodeMessages([message(MsgType.app, 2, 1, { entries })])).toContain(data)
  })

  it('answers random bytes with a MessageError at worst', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decodesOrRefuses))
  })

  it('answers a damaged frame with a MessageError at worst', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 3 }), damage, (messages, changes) => {
        const payload = wire(messages)
        for (const [at, value] of changes) payload[at % payload.length] = value
        decodesOrRefuses(payload)
      }),
    )
  })

  it('refuses every shortened frame and every lengthened one', () => {
    const sample = fc.array(anyMessage, { minLength: 1, maxLength: 2 })
    fc.assert(
      fc.property(sample, (messages) => {
        const payload = wire(messages)
        for (let length = 0; length < payload.length; length++) {
          expect(() => decodeMessages(payload.subarray(0, length))).toThrow(MessageError)
        }
        expect(() => decodeMessages(Buffer.concat([payload, Buffer.of(0)]))).toThrow(MessageError)
      }),
      { numRuns: 30 },
    )
  })

  it('refuses local messages in both directions', () => {
    for (const type of Object.values(MsgType).filter(isLocalMsg)) {
      expect(() => encodeMessages([message(type, 2, 1)])).toThrow(/local/)
      const payload = wire([message(MsgType.app, 2, 1)])
      payload[4] = type
      expect(() => decodeMessages(payload)).toThrow(/local/)
    }
  })

  it('refuses integers beyond 2^53 and ids of local threads', () => {
    const payload = wire([message(MsgType.app, 2, 1)])
    payload.fill(0xff, 6, 14)
    expect(() => decodeMessages(payload)).toThrow(/2\^53/)
    expect(() => encodeMessages([message(MsgType.app, APPEND_THREAD, 1)])).toThrow(/non-negative|safe/)
    expect(() => encodeMessages([message(MsgType.app, 2, 1, { index: 2 ** 53 })])).toThrow(/non-negative|safe/)
  })

  it('refuses a count that cannot be true before it allocates anything', () => {
    expect(() => decodeMessages(Buffer.from('ffffffff', 'hex'))).toThrow(/cannot follow/)
  })
})
