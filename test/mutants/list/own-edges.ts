/** Bugs of our own making at the edges: client connections, peers, the disk. */
import type { Mutant } from '../mutant.js'

const CLASSIC = 'src/service/dialects/classic.ts'
const CLIENT_SOCKET = 'src/server/sockets/tcp-client-socket.ts'
const FRAME = 'src/raft/net/frame.ts'
const OUTBOX = 'src/raft/net/outbox.ts'
const PEER_LINK = 'src/raft/net/peer-link.ts'
const RECOVERY = 'src/raft/store/recovery.ts'
const TRANSFER = 'src/raft/node/snapshots/snapshot-transfer.ts'

export const OWN_EDGES: readonly Mutant[] = [
  // ----------------------------------------------------------------------------------------- client connections
  {
    id: 'X30',
    title: 'a classic connection that holds may ask for a second lock',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/requests/classic/table.ts',
        find: 'byAction(keepalive, release)',
        replace: 'byAction(keepalive, release, lock)',
      },
    ],
  },
  {
    id: 'X31',
    title: 'what a client half-closed is answered, but its end is not noticed',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: 'this.#showsToken))) return\n    this.#backlog.drain()\n    if (this.#finSeen) this.fin()\n',
        replace: 'this.#showsToken))) return\n    this.#backlog.drain()\n',
      },
    ],
  },
  {
    id: 'X32',
    title: 'words are written after the node has closed the connection',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/connection.ts',
        find: 'if (this.#open) this.socket.write(reply)',
        replace: 'this.socket.write(reply)',
      },
      { file: CLIENT_SOCKET, find: '    if (this.#closing) return\n    if (this.#text', replace: '    if (this.#text' },
      {
        file: CLIENT_SOCKET,
        find: "if (this.#text === '' || this.#closing) return false",
        replace: "if (this.#text === '') return false",
      },
    ],
  },
  {
    id: 'X33',
    title: 'the last words of a connection are lost: it is reset, not ended',
    rule: 'own',
    edits: [
      { file: CLIENT_SOCKET, find: '    this.#socket.end(text)\n', replace: '    this.#socket.resetAndDestroy()\n' },
    ],
  },
  {
    id: 'X34',
    title: 'a connection that the node closed is not read until the client closes it',
    rule: 'own',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: '    this.#abandon()\n    this.#socket.resume()\n',
        replace: '    this.#abandon()\n    this.#socket.pause()\n',
      },
    ],
  },
  {
    id: 'X35',
    title: 'a first line of twice the allowed bytes is a line',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/connection.ts',
        find: 'new LineSplitter(context.options.maxLineBytes)',
        replace: 'new LineSplitter(2 * context.options.maxLineBytes)',
      },
    ],
    tests: ['test/service/dialects/classic.test.ts'],
  },
  {
    id: 'X36',
    title: 'lines that came before the answer to the first are dropped',
    rule: 'own',
    edits: [
      {
        file: CLASSIC,
        find: '        this.#backlog.keep(line)\n',
        replace: '        if (this.#waitMs < 0) this.#backlog.keep(line)\n',
      },
    ],
  },
  {
    id: 'X37',
    title: 'a grant that comes after `err,no quorum` is kept',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: '    this.#close(CLASSIC_NO_QUORUM)\n',
        replace: '    this.connection.close(CLASSIC_NO_QUORUM)\n    this.#attachment = null\n',
      },
    ],
  },
  {
    id: 'X38',
    title: 'a client that does not read its answers is read on',
    rule: 'own',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: '      this.#pausedByOutput = true\n      this.#socket.pause()\n',
        replace: '      this.#pausedByOutput = true\n',
      },
      {
        file: CLIENT_SOCKET,
        find: 'const paused = this.#pausedByFront || this.#pausedByOutput\n',
        replace: 'const paused = this.#pausedByFront\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'X39',
    title: 'a repeated request counts against the locks of a session again',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '    if (this.#ids.mayBeRepeat(id)) return\n',
        replace: '',
      },
    ],
  },
  {
    id: 'X40',
    title: '`bye` does not wait for the answers of what was asked before it',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/session.ts',
        find: ' || this.#work.undecided > 0 || attachment === null) return',
        replace: ' || attachment === null) return',
      },
    ],
  },
  {
    id: 'X41',
    title: 'the connection number of an epoch is not remembered in a snapshot',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/snapshot/records.ts',
        find: '  entry.floor = input.varint()\n',
        replace: '  input.varint()\n',
      },
    ],
  },
  // ----------------------------------------------------------------------------------------------------- peers
  {
    id: 'X50',
    title: 'the checksum of a frame is not compared',
    rule: 'own',
    edits: [
      {
        file: FRAME,
        find: "if (crc !== chunk.readUInt32LE(start + CRC_OFFSET)) throw new FrameError('checksum mismatch')",
        replace: "if (crc === -1) throw new FrameError('checksum mismatch')",
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'X51',
    title: 'a frame may be as long as it likes',
    rule: 'own',
    edits: [{ file: FRAME, find: 'if (frame.bytes > PEER_FRAME_BYTES) throw', replace: 'if (frame.bytes < 0) throw' }],
    killers: ['tests'],
  },
  {
    id: 'X52',
    title: 'a fragment may be as long as it likes',
    rule: 'own',
    edits: [{ file: FRAME, find: 'if (length > FRAGMENT_PAYLOAD_BYTES) throw', replace: 'if (length < 0) throw' }],
    killers: ['tests'],
  },
  {
    id: 'X53',
    title: 'the bulk lane goes first',
    rule: 'own',
    edits: [
      {
        file: OUTBOX,
        find: '    while (this.#writeNext(this.#control));\n    while (stream.writableLength < BULK_WINDOW_BYTES && this.#writeNext(this.#bulk));\n',
        replace:
          '    while (stream.writableLength < BULK_WINDOW_BYTES && this.#writeNext(this.#bulk));\n    while (this.#writeNext(this.#control));\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'X54',
    title: 'all of the bulk lane is given to the socket at once',
    rule: 'own',
    edits: [
      {
        file: OUTBOX,
        find: 'while (stream.writableLength < BULK_WINDOW_BYTES && this.#writeNext(this.#bulk));',
        replace: 'while (this.#writeNext(this.#bulk));',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'X55',
    title: 'both connections of a pair are kept, and heard',
    rule: 'own',
    edits: [
      { file: PEER_LINK, find: '    before.close(REPLACED)\n', replace: '' },
      {
        file: 'src/raft/net/transport.ts',
        find: 'if (this.#closed || connection.link?.connection !== connection) return',
        replace: 'if (this.#closed || connection.link === null) return',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'X57',
    title: 'a node that was started with another --cluster list is let in while the cluster forms',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/membership/peer-verdict.ts',
        find: 'return peer.listHash === self.hello.listHash ? accept',
        replace: 'return peer.listHash !== null ? accept',
      },
    ],
  },
  {
    id: 'X58',
    title: 'a node of another cluster is let in',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/membership/peer-verdict.ts',
        find: '  if (!peer.empty && peer.clusterId !== self.hello.clusterId) {',
        replace: '  if (!peer.empty && peer.clusterId === null) {',
      },
    ],
  },
  // -------------------------------------------------------------------------------------------------- snapshots
  {
    id: 'X60',
    title: 'a chunk of a snapshot is taken wherever it belongs',
    rule: 'own',
    edits: [
      { file: TRANSFER, find: 'if (offset !== incoming.offset) {', replace: 'if (offset < 0) {' },
      {
        file: 'src/raft/store/snapshot-receiver.ts',
        find: 'if (offset !== this.#position) return this.#position\n',
        replace: '',
      },
    ],
  },
  {
    id: 'X61',
    title: 'chunks of an earlier transfer count for the one under way',
    rule: 'own',
    edits: [
      {
        file: TRANSFER,
        find: 'if (incoming === undefined || incoming.begin.id !== id) return',
        replace: 'if (incoming === undefined || id < 0) return',
      },
    ],
    equivalent:
      'a chunk of another snapshot is found when the file is read back (X62), and one of the same snapshot is the same bytes',
  },
  {
    id: 'X62',
    title: 'a received snapshot is not read back and verified',
    rule: 'own',
    edits: [{ file: 'src/raft/store/snapshot-receiver.ts', find: '        await this.#verify(reader)\n', replace: '' }],
  },
  // --------------------------------------------------------------------------------------------------- the disk
  {
    id: 'X70',
    title: 'the chain of blocks is not checked on start',
    rule: 'own',
    edits: [
      {
        file: RECOVERY,
        find: 'if (block.chain !== end.chain || block.firstTerm < end.term) {',
        replace: 'if (block.firstTerm < end.term) {',
      },
    ],
  },
  {
    id: 'X71',
    title: 'the checksum of a block is not compared',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/block.ts',
        find: 'const checksum = value.byteLength > HEADER_BYTES ? sealOf(value) : null',
        replace: 'const checksum = value.byteLength > HEADER_BYTES ? value.readUInt32BE(0) : null',
      },
    ],
  },
  {
    id: 'X72',
    title: 'batches are written to two slots only',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/journal.ts',
        find: 'this.#slot = (this.#slot + 1) % SLOTS',
        replace: 'this.#slot = (this.#slot + 1) % 2',
      },
    ],
  },
  {
    id: 'X73',
    title: 'the oldest slot counts, not the newest',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/journal.ts',
        find: 'b.meta.sequence - a.meta.sequence',
        replace: 'a.meta.sequence - b.meta.sequence',
      },
    ],
  },
  {
    id: 'X74',
    title: 'batches of the journal are repeated on a database that lacks what it had synced',
    rule: 'own',
    edits: [
      {
        file: RECOVERY,
        find: ' || stored === null || stored < newest.batch.base) return null',
        replace: ' || stored === null) return null',
      },
    ],
    note: 'a gap in the sequence shows the same: `isWhole`',
  },
  {
    id: 'X75',
    title: 'batches of the journal are repeated though one in between is missing',
    rule: 'own',
    edits: [
      {
        file: RECOVERY,
        find: 'if (missing.length === 0 || !isWhole) return null',
        replace: 'if (missing.length === 0 || !Number(isWhole) === null) return null',
      },
    ],
  },
  {
    id: 'X76',
    title: 'a slot of the journal is used again before LevelDB has what stands in it',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/write-backlog.ts',
        find: 'if (sequence - this.#syncedSequence >= SLOTS) await this.drained()',
        replace: 'if (sequence - this.#syncedSequence >= 4 * SLOTS) await this.drained()',
      },
    ],
  },
  {
    id: 'X77',
    title: 'LevelDB is written without a sync',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/write-backlog.ts',
        find: 'await this.database.write(operations, true)',
        replace: 'await this.database.write(operations, false)',
      },
    ],
  },
]
