/**
 * An entry of the log is a batch of commands: one storage write, one message and one frame then serve all clients whose
 * requests arrived in the same turn of the event loop (group commit). Layout: version byte, then for each command its
 * length as an unsigned LEB128 number and its bytes.
 */
import { invariant } from '../../invariant.js'

const VERSION = 1
/** Of the fifth and last byte of a length. */
const SCALE_MAX = 0x10000000

export function encodeBatch(commands: readonly Uint8Array[]): Uint8Array {
  let size = 1
  for (const command of commands) size += batchedBytes(command)
  const bytes = new Uint8Array(size)
  bytes[0] = VERSION
  let offset = 1
  for (const command of commands) {
    offset = writeVarint(bytes, offset, command.length)
    bytes.set(command, offset)
    offset += command.length
  }
  return bytes
}

/** Whether `decodeBatch` can read these bytes. Cheap: it walks over the lengths. */
export function checkBatch(bytes: Uint8Array): boolean {
  if (bytes[0] !== VERSION) return false
  let offset = 1
  while (offset < bytes.length) {
    let length = 0
    let scale = 1
    for (;;) {
      const byte = bytes[offset++]
      if (byte === undefined || scale > SCALE_MAX) return false
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 128
    }
    offset += length
  }
  return offset === bytes.length
}

/** A view of every command; of an empty entry none. Throws on bytes that `encodeBatch` did not make. */
export function decodeBatch(bytes: Uint8Array): Uint8Array[] {
  const commands: Uint8Array[] = []
  if (bytes.length === 0) return commands
  invariant(bytes[0] === VERSION, () => `command batch: unknown version ${bytes[0]}`)
  let offset = 1
  while (offset < bytes.length) {
    let length = 0
    let scale = 1
    for (;;) {
      const byte = bytes[offset++]
      invariant(byte !== undefined && scale <= SCALE_MAX, 'command batch: cut or oversized length')
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 128
    }
    invariant(offset + length <= bytes.length, 'command batch: a command is cut off')
    commands.push(bytes.subarray(offset, offset + length))
    offset += length
  }
  return commands
}

/** What a command takes in a batch. */
export const batchedBytes = (command: Uint8Array): number => lengthOfVarint(command.length) + command.length

function lengthOfVarint(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length++
  return length
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let offset = start
  let rest = value
  while (rest >= 0x80) {
    bytes[offset++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[offset++] = rest
  return offset
}
