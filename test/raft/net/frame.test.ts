import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FRAGMENT_PAYLOAD_BYTES, PEER_FRAME_BYTES } from '../../../src/raft/limits.js'
import {
  encodeFragment,
  FRAGMENT_HEADER_BYTES,
  type Frame,
  FrameError,
  FrameParser,
} from '../../../src/raft/net/frame.js'
import { Lane } from '../../../src/raft/ports/transport.js'

const lane = fc.constantFrom(Lane.control, Lane.bulk)
const frame = fc.record({
  lane,
  kind: fc.nat(0x2f),
  parts: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
})
const cuts = fc.array(fc.nat(), { maxLength: 10 })

const encode = (frames: readonly { lane: Lane; kind: number; parts: Uint8Array[] }[]) =>
  Buffer.concat(frames.flatMap(({ lane, kind, parts }) => encodeFragment(lane, kind, false, parts)))

function parse(stream: Buffer, at: readonly number[] = []): { frames: Frame[]; error: unknown } {
  const parser = new FrameParser()
  const frames: Frame[] = []
  const ends = [...at.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)
  let start = 0
  try {
    for (const end of ends) {
      // A chunk of its own, as from a socket.
      parser.push(Buffer.from(stream.subarray(start, end)))
      for (let next = parser.next(); next !== null; next = parser.next()) frames.push(next)
      start = end
    }
  } catch (error) {
    return { frames, error }
  }
  return { frames, error: null }
}

const shape = (frames: readonly { lane: Lane; kind: number; payload: Uint8Array }[]) =>
  frames.map(({ lane, kind, payload }) => `${lane} ${kind} ${Buffer.from(payload).toString('hex')}`)
const sent = (frames: readonly { lane: Lane; kind: number; parts: Uint8Array[] }[]) =>
  shape(frames.map(({ lane, kind, parts }) => ({ lane, kind, payload: Buffer.concat(parts) })))

describe('frames', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), cuts, (frames, at) => {
        const { frames: received, error } = parse(encode(frames), at)
        expect(error).toBeNull()
        expect(shape(received)).toEqual(sent(frames))
      }),
    )
  })

  it('are never delivered damaged', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        cuts,
        (frames, at, flip, cut) => {
          const stream = encode(frames)
          const position = at % stream.length
          stream.writeUInt8(stream.readUInt8(position) ^ flip, position)
          const { frames: received, error } = parse(stream, cut)
          expect(received.length).toBeLessThan(frames.length)
          expect(shape(received)).toEqual(sent(frames).slice(0, received.length))
          if (error !== null) expect(error).toBeInstanceOf(FrameError)
        },
      ),
    )
  })

  it('may come byte by byte', () => {
    const stream = encode([{ lane: Lane.bulk, kind: 3, parts: [Buffer.from('payload')] }])
    const { frames } = parse(stream, [...stream.keys()])
    expect(shape(frames)).toEqual([`${Lane.bulk} 3 ${Buffer.from('payload').toString('hex')}`])
  })

  it('do not keep a big chunk alive for a small payload', () => {
    const small = { lane: Lane.control, kind: 1, parts: [Buffer.alloc(8_000, 1)] }
    const big = { lane: Lane.bulk, kind: 1, parts: [Buffer.alloc(60_000, 2)] }
    const stream = Buffer.from(encode([small, big]))
    const parser = new FrameParser()
    parser.push(stream)
    expect(parser.next()?.payload.buffer).not.toBe(stream.buffer)
    expect(parser.next()?.payload.buffer).toBe(stream.buffer)
  })

  it('are put together from fragments, those of the lanes interleaved', () => {
    const fragment = (lane: Lane, more: boolean, text: string) => encodeFragment(lane, 2, more, [Buffer.from(text)])
    const stream = Buffer.concat(
      [
        fragment(Lane.bulk, true, 'bu'),
        fragment(Lane.control, true, 'con'),
        fragment(Lane.bulk, true, 'l'),
        fragment(Lane.control, false, 'trol'),
        fragment(Lane.bulk, false, 'k'),
      ].flat(),
    )
    expect(parse(stream).frames.map(({ payload }) => payload.toString())).toEqual(['control', 'bulk'])
  })

  it('of which the fragments disagree are refused', () => {
    const stream = Buffer.concat([
      ...encodeFragment(Lane.bulk, 2, true, [Buffer.from('a')]),
      ...encodeFragment(Lane.bulk, 3, false, [Buffer.from('b')]),
    ])
    expect(parse(stream).error).toBeInstanceOf(FrameError)
  })

  it('have a bounded length, as fragments and in all', () => {
    const head = Buffer.alloc(FRAGMENT_HEADER_BYTES)
    head.writeUInt32LE(FRAGMENT_PAYLOAD_BYTES + 1)
    expect(parse(head).error).toBeInstanceOf(FrameError)

    const parser = new FrameParser()
    const fragment = Buffer.concat(encodeFragment(Lane.bulk, 1, true, [Buffer.alloc(FRAGMENT_PAYLOAD_BYTES)]))
    const pushAll = () => {
      for (let bytes = 0; bytes <= PEER_FRAME_BYTES; bytes += FRAGMENT_PAYLOAD_BYTES) {
        parser.push(fragment)
        expect(parser.next()).toBeNull()
      }
    }
    expect(pushAll).toThrow(/more than/)
  })
})
