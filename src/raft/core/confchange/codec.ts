import { invariant } from '../../../invariant.js'
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  EMPTY_BYTES,
  EntryType,
} from '../types.js'
import { LEAVE_JOINT } from './conf-change.js'

/*
 * The data of a membership entry: version u8, transition u8, count u16, count x (type u8, id u64), context to the end.
 * Big-endian. A change that says nothing at all, LEAVE_JOINT, is no bytes. Entries of type confChange (one change,
 * carried out at once) have the same form.
 */
const FORMAT_VERSION = 1
const HEADER_BYTES = 4
const CHANGE_BYTES = 9
const MAX_CHANGES = 0xffff
const U32_RANGE = 2 ** 32

const KNOWN_TRANSITIONS: readonly number[] = Object.values(ConfChangeTransition)
const KNOWN_TYPES: readonly number[] = Object.values(ConfChangeType)

/** The data of an entry of type confChangeV2, or of type confChange if the change is a single one. */
export function encodeConfChange({ transition, changes, context }: ConfChangeV2): Uint8Array {
  if (transition === ConfChangeTransition.auto && changes.length === 0 && context.length === 0) return EMPTY_BYTES
  invariant(changes.length <= MAX_CHANGES, 'a membership change has too many parts')
  const bytes = new Uint8Array(HEADER_BYTES + changes.length * CHANGE_BYTES + context.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FORMAT_VERSION)
  view.setUint8(1, transition)
  view.setUint16(2, changes.length)
  changes.forEach(({ type, nodeId }, i) => {
    invariant(Number.isSafeInteger(nodeId) && nodeId >= 0, () => `a membership change names the member ${nodeId}`)
    const offset = HEADER_BYTES + i * CHANGE_BYTES
    view.setUint8(offset, type)
    view.setUint32(offset + 1, Math.floor(nodeId / U32_RANGE))
    view.setUint32(offset + 5, nodeId % U32_RANGE)
  })
  bytes.set(context, HEADER_BYTES + changes.length * CHANGE_BYTES)
  return bytes
}

/** Throws an Error that says what is wrong with bytes that `encodeConfChange` cannot have written for this entry type. */
export function decodeConfChange(entryType: EntryType, data: Uint8Array): ConfChangeV2 {
  const change = data.length === 0 ? LEAVE_JOINT : decodeFields(data)
  if (entryType === EntryType.normal) throw new Error('not a membership change: the entry has type normal')
  if (entryType === EntryType.confChange && !isSingle(change)) {
    throw new Error(
      `an entry of type confChange holds ${change.changes.length} changes, transition ${change.transition}`,
    )
  }
  return change
}

function isSingle({ transition, changes }: ConfChangeV2): boolean {
  return transition === ConfChangeTransition.auto && changes.length === 1
}

function decodeFields(data: Uint8Array): ConfChangeV2 {
  if (data.length < HEADER_BYTES) throw new Error(`a membership change of ${data.length} bytes is cut off`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const version = view.getUint8(0)
  if (version !== FORMAT_VERSION) throw new Error(`a membership change has the unknown format version ${version}`)
  const transition = view.getUint8(1)
  if (!isTransition(transition)) throw new Error(`a membership change has the unknown transition ${transition}`)
  const count = view.getUint16(2)
  const contextOffset = HEADER_BYTES + count * CHANGE_BYTES
  if (data.length < contextOffset) throw new Error(`a membership change of ${count} parts is cut off`)
  const changes: ConfChangeSingle[] = []
  for (let offset = HEADER_BYTES; offset < contextOffset; offset += CHANGE_BYTES) changes.push(decodeOne(view, offset))
  return { transition, changes, context: data.subarray(contextOffset) }
}

function decodeOne(view: DataView, offset: number): ConfChangeSingle {
  const type = view.getUint8(offset)
  if (!isType(type)) throw new Error(`a membership change has a part of the unknown type ${type}`)
  const nodeId = view.getUint32(offset + 1) * U32_RANGE + view.getUint32(offset + 5)
  if (!Number.isSafeInteger(nodeId)) throw new Error('a membership change names a member id above 2^53')
  return { type, nodeId }
}

function isTransition(value: number): value is ConfChangeTransition {
  return KNOWN_TRANSITIONS.includes(value)
}

function isType(value: number): value is ConfChangeType {
  return KNOWN_TYPES.includes(value)
}
