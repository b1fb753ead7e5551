/**
 * Commands as bytes of the log: version, type, then the fields in the order of commands.ts. A number of this file never
 * changes its meaning; a new layout is a new version.
 */

import { ByteReader } from '../../bytes/reader.js'
import { ByteWriter } from '../../bytes/writer.js'
import { unreachable } from '../../invariant.js'
import {
  type Command,
  CommandType,
  type End,
  type LockRequest,
  type OpeningHeader,
  type SessionHeader,
  type WaitLeft,
  type WaitsLeft,
} from './commands.js'

const COMMAND_VERSION = 2

/** One writer for all commands: encoding is synchronous, and the result is copied out. */
const out = new ByteWriter()

/** The command as it is proposed; throws EncodingError on numbers that are out of range. */
export function encodeCommand(command: Command): Uint8Array {
  out.clear()
  out.byte(COMMAND_VERSION)
  out.byte(command.type)
  writeBody(command)
  return out.copy()
}

/** Throws FormatError if the bytes are not exactly one command of a known version. */
export function decodeCommand(bytes: Uint8Array): Command {
  const input = new ByteReader(bytes, 'command')
  input.version(COMMAND_VERSION)
  const command = readBody(input.byte(), input)
  input.end()
  return command
}

// ------------------------------------------------------------------------------------------- encoding

function writeBody(command: Command): void {
  switch (command.type) {
    case CommandType.openClassic:
    case CommandType.open:
    case CommandType.resume:
      writeOpening(command)
      return
    case CommandType.lock:
    case CommandType.release:
    case CommandType.cancel:
    case CommandType.waitTimeout:
    case CommandType.ack:
      writeNumbered(command)
      return
    case CommandType.end:
      writeAttachment(command)
      return
    case CommandType.detach:
      writeAttachment(command)
      out.bool(command.fin)
      return
    case CommandType.expireSession:
      out.wide(command.session)
      out.varint(command.attach)
      return
    case CommandType.detachedWaitTimeout:
      out.wide(command.session)
      out.varint(command.attach)
      out.signed(command.target)
      return
    case CommandType.nodeUp:
      out.text(command.node)
      out.wide(command.epoch)
      out.wide(command.expected)
      out.wide(command.dead)
      out.text(command.address)
      out.text(command.peer)
      return
    case CommandType.nodeDown:
    case CommandType.expireNode:
      out.text(command.node)
      out.wide(command.epoch)
      return
    case CommandType.sweep:
      return
    case CommandType.claimMember:
      out.varint(command.raftId)
      out.text(command.memberUid)
      return
    case CommandType.delayOver:
      out.text(command.name)
      out.wide(command.token)
      return
    case CommandType.waitsLeft:
      writeWaits(command)
      return
    case CommandType.left:
      out.wide(command.session)
      out.varint(command.attach)
      out.varint(command.leftMs)
      return
    case CommandType.delayLeft:
      out.text(command.name)
      out.wide(command.token)
      out.varint(command.leftMs)
      return
    default:
      unreachable(command, 'encoding a command')
  }
}

type Opening = Extract<Command, OpeningHeader>
type Numbered = Extract<Command, SessionHeader>

function writeOpening(command: Opening): void {
  out.text(command.node)
  out.wide(command.epoch)
  out.varint(command.conn)
  out.varint(command.floor)
  switch (command.type) {
    case CommandType.openClassic:
      out.text(command.clientId)
      writeLockRequest(command)
      return
    case CommandType.open:
      out.text(command.clientId)
      out.varint(command.leaseMs)
      out.varint(command.lingerMs)
      out.text(command.secretHash)
      return
    case CommandType.resume:
      out.wide(command.session)
      out.text(command.secretHash)
      out.varint(command.attempt)
      return
    default:
      unreachable(command, 'encoding an opening')
  }
}

function writeLockRequest(request: LockRequest): void {
  out.text(request.name)
  out.signed(request.waitMs)
  out.text(request.meta)
  out.varint(request.delayMs)
  out.wide(request.wallMs)
}

function writeWaits({ session, attach, waits }: WaitsLeft): void {
  out.wide(session)
  out.varint(attach)
  out.varint(waits.length)
  for (const { request, leftMs } of waits) {
    out.signed(request)
    out.varint(leftMs)
  }
}

function writeAttachment(header: Omit<End, 'type'>): void {
  out.text(header.node)
  out.wide(header.epoch)
  out.wide(header.session)
  out.varint(header.attach)
}

function writeNumbered(command: Numbered): void {
  writeAttachment(command)
  out.varint(command.n)
  out.varint(command.ack)
  switch (command.type) {
    case CommandType.lock:
      out.signed(command.request)
      writeLockRequest(command)
      return
    case CommandType.release:
      out.signed(command.request)
      out.text(command.name)
      out.wide(command.token)
      return
    case CommandType.cancel:
      out.signed(command.request)
      out.signed(command.target)
      return
    case CommandType.waitTimeout:
      out.signed(command.target)
      return
    case CommandType.ack:
      return
    default:
      unreachable(command, 'encoding a numbered command')
  }
}

// ------------------------------------------------------------------------------------------- decoding
// Object literals name every field in one order, so that each type of command has one shape; the initialisers run in the
// order in which they are written, which is the order of the bytes.

function readBody(type: number, input: ByteReader): Command {
  switch (type) {
    case CommandType.openClassic:
      return readOpenClassic(input)
    case CommandType.end:
      return { type, node: input.text(), epoch: input.wide(), session: input.wide(), attach: input.varint() }
    case CommandType.lock:
    case CommandType.release:
    case CommandType.cancel:
    case CommandType.waitTimeout:
    case CommandType.ack:
      return readNumbered(type, input)
    case CommandType.open:
    case CommandType.resume:
      return readSessionOpening(type, input)
    case CommandType.detach:
      return {
        type,
        node: input.text(),
        epoch: input.wide(),
        session: input.wide(),
        attach: input.varint(),
        fin: input.bool(),
      }
    case CommandType.expireSession:
      return { type, session: input.wide(), attach: input.varint() }
    case CommandType.detachedWaitTimeout:
      return { type, session: input.wide(), attach: input.varint(), target: input.signed() }
    case CommandType.nodeUp:
      return {
        type,
        node: input.text(),
        epoch: input.wide(),
        expected: input.wide(),
        dead: input.wide(),
        address: input.text(),
        peer: input.text(),
      }
    case CommandType.nodeDown:
    case CommandType.expireNode:
      return { type, node: input.text(), epoch: input.wide() }
    case CommandType.sweep:
      return { type }
    case CommandType.claimMember:
      return { type, raftId: input.varint(), memberUid: input.text() }
    case CommandType.delayOver:
      return { type, name: input.text(), token: input.wide() }
    case CommandType.waitsLeft:
      return { type, session: input.wide(), attach: input.varint(), waits: readWaits(input) }
    case CommandType.left:
      return { type, session: input.wide(), attach: input.varint(), leftMs: input.varint() }
    case CommandType.delayLeft:
      return { type, name: input.text(), token: input.wide(), leftMs: input.varint() }
    default:
      return input.fail(`command type ${type} is unknown`)
  }
}

function readWaits(input: ByteReader): WaitLeft[] {
  const waits: WaitLeft[] = []
  for (let more = input.varint(); more > 0; more--) waits.push({ request: input.signed(), leftMs: input.varint() })
  return waits
}

function readOpenClassic(input: ByteReader): Command {
  return {
    type: CommandType.openClassic,
    node: input.text(),
    epoch: input.wide(),
    conn: input.varint(),
    floor: input.varint(),
    clientId: input.text(),
    name: input.text(),
    waitMs: input.signed(),
    meta: input.text(),
    delayMs: input.varint(),
    wallMs: input.wide(),
  }
}

function readSessionOpening(type: typeof CommandType.open | typeof CommandType.resume, input: ByteReader): Command {
  const node = input.text()
  const epoch = input.wide()
  const conn = input.varint()
  const floor = input.varint()
  if (type === CommandType.resume) {
    return { type, node, epoch, conn, floor, session: input.wide(), secretHash: input.text(), attempt: input.varint() }
  }
  return {
    type,
    node,
    epoch,
    conn,
    floor,
    clientId: input.text(),
    leaseMs: input.varint(),
    lingerMs: input.varint(),
    secretHash: input.text(),
  }
}

function readNumbered(type: Numbered['type'], input: ByteReader): Command {
  const node = input.text()
  const epoch = input.wide()
  const session = input.wide()
  const attach = input.varint()
  const n = input.varint()
  const ack = input.varint()
  switch (type) {
    case CommandType.lock:
      return {
        type,
        node,
        epoch,
        session,
        attach,
        n,
        ack,
        request: input.signed(),
        name: input.text(),
        waitMs: input.signed(),
        meta: input.text(),
        delayMs: input.varint(),
        wallMs: input.wide(),
      }
    case CommandType.release: {
      const request = input.signed()
      return { type, node, epoch, session, attach, n, ack, request, name: input.text(), token: input.wide() }
    }
    case CommandType.cancel: {
      const request = input.signed()
      return { type, node, epoch, session, attach, n, ack, request, target: input.signed() }
    }
    case CommandType.waitTimeout:
      return { type, node, epoch, session, attach, n, ack, target: input.signed() }
    case CommandType.ack:
      return { type, node, epoch, session, attach, n, ack }
    default:
      return unreachable(type, 'decoding a numbered command')
  }
}
