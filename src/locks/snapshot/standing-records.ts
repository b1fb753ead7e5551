/** Done-marks, pins, freezes and the history as bytes. */
import type { ByteReader } from '../../bytes/reader.js'
import type { ByteWriter } from '../../bytes/writer.js'
import { type FreezeEntry, HOLD_ENDS, type Mark, type PastHold, type Pin } from '../state/standing.js'
import { pick } from './answer-records.js'
import { RecordKind } from './records.js'

export function writeMark(out: ByteWriter, mark: Mark): void {
  out.byte(RecordKind.mark)
  out.text(mark.key)
  out.wide(mark.generation)
  out.wide(mark.sinceWallMs)
  out.text(mark.holder)
  out.varint(mark.ttlMs)
}

export function readMark(input: ByteReader): Mark {
  return {
    key: input.text(),
    generation: input.wide(),
    sinceWallMs: input.wide(),
    holder: input.text(),
    ttlMs: input.varint(),
    stamp: 0,
  }
}

export function writePin(out: ByteWriter, { name, limit }: Pin): void {
  out.byte(RecordKind.pin)
  out.text(name)
  out.varint(limit)
}

export function readPin(input: ByteReader): Pin {
  return { name: input.text(), limit: input.varint(), stamp: 0 }
}

export function writeFreeze(out: ByteWriter, entry: FreezeEntry): void {
  out.byte(RecordKind.freeze)
  out.text(entry.prefix)
  out.wide(entry.generation)
  out.text(entry.reason)
  out.wide(entry.sinceWallMs)
  out.wide(entry.untilWallMs)
  out.text(entry.by)
}

export function readFreeze(input: ByteReader): FreezeEntry {
  return {
    prefix: input.text(),
    generation: input.wide(),
    reason: input.text(),
    sinceWallMs: input.wide(),
    untilWallMs: input.wide(),
    by: input.text(),
  }
}

export function writePast(out: ByteWriter, past: PastHold): void {
  out.byte(RecordKind.past)
  out.varint(past.number)
  out.text(past.name)
  out.wide(past.token)
  out.signed(past.amount)
  out.varint(past.limit)
  out.wide(past.session)
  out.text(String(past.who))
  out.wide(past.fromWallMs)
  out.wide(past.toWallMs)
  out.byte(HOLD_ENDS.indexOf(past.how))
  out.text(past.by)
  out.text(past.reason)
}

export function readPast(input: ByteReader): PastHold {
  return {
    number: input.varint(),
    name: input.text(),
    token: input.wide(),
    amount: input.signed(),
    limit: input.varint(),
    session: input.wide(),
    who: input.text(),
    fromWallMs: input.wide(),
    toWallMs: input.wide(),
    how: pick(input, HOLD_ENDS),
    by: input.text(),
    reason: input.text(),
    stamp: 0,
  }
}
