/** Amounts of data: what an attack with much of it found, put back. */
import type { Mutant } from '../mutant.js'

const APPEND_LOOP = 'src/raft/node/append-loop.ts'

export const MENDED_AMOUNTS: readonly Mutant[] = [
  {
    id: 'Y101',
    title: 'entries that arrive in one turn with a snapshot are acknowledged and not stored',
    rule: 'own',
    edits: [
      { file: APPEND_LOOP, find: 'if (entries.length === 0) return replaceState', replace: 'return replaceState' },
    ],
  },
  {
    id: 'Y102',
    title: 'the commit index on disk is above the end of the log until the next write',
    rule: 'own',
    edits: [
      {
        file: APPEND_LOOP,
        find: '  commit: Math.min(hardState.commit, index),',
        replace: '  commit: Math.max(hardState.commit, 0 * index),',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y103',
    title: 'a restored state is in force before the driver goes by its index',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/boot.ts',
        find: '    return () => restorer.finish(index)\n',
        replace: '    restorer.finish(index)\n    return () => undefined\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y104',
    title: 'what a restored snapshot covers is never reported as applied: the core hands out less and less',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/applier.ts',
        find: '    for (const response of this.#orders.drop()) this.deps.respond(response)\n',
        replace: '    this.#orders.drop()\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y105',
    title: 'one order of the core is applied in one go, whatever its length',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/applier.ts',
        find: 'while (spent < budget) {',
        replace: 'for (;;) {',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y106',
    title: 'all that a turn has for a peer goes in one frame',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/bundles.ts',
        find: 'if (i > start && bytes + size > frameBytes) {',
        replace: 'if (i > start && bytes < 0) {',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y107',
    title: 'a queue of commands counts their payload and not what it hands out',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/command-queue.ts',
        find: 'const bytes = batchedBytes(command)',
        replace: 'const bytes = batchedBytes(command) - batchedBytes(command) + command.length',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y108',
    title: 'a frame that is too long ends the process that would send it',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/net/transport.ts',
        find: "      this.#options.logger.warn({ peer: to, kind, bytes }, 'did not send a frame that is too long')\n      return false\n",
        replace: "      throw new Error('a frame is too long')\n",
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y109',
    title: 'the tail of the log below a snapshot is bounded in entries only',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/core/log/memory-storage.ts',
        find: '      if (bytes > maxBytes) break\n',
        replace: '      if (bytes > maxBytes * 1e9) break\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y110',
    title: 'the log behind a snapshot that is under way is cut',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/log-trimmer.ts',
        find: 'const upTo = Math.min(wanted, this.#neededAfter())',
        replace: 'const upTo = Math.min(wanted, this.#neededAfter() * 1e9)',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y111',
    title: 'the log is kept for a slow member without a bound',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/log-trimmer.ts',
        find: 'if (entries > bounds.heldEntries || window.bytes > bounds.heldBytes) return',
        replace: 'if (entries < 0 * bounds.heldBytes) return',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y112',
    title: 'new work is taken while the snapshot is overdue',
    rule: 'own',
    edits: [{ file: 'src/raft/node/proposals.ts', find: '      maker.isOverdue ||\n', replace: '' }],
    killers: ['tests'],
  },
  {
    id: 'Y113',
    title: 'a busy leader does not tell the nodes that propose through it',
    rule: 'own',
    edits: [{ file: 'src/raft/node/proposals.ts', find: '    this.#say(from, BUSY)\n', replace: '' }],
    killers: ['tests'],
  },
  {
    id: 'Y114',
    title: 'a snapshot that became due while the last one was written waits for the next command',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-maker.ts',
        find: 'this.#runWaiting()\n        // While it was written so much may have come that the next one is due, and a busy node applies nothing that says so.\n        this.#makeIfDue()\n',
        replace: 'this.#runWaiting()\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y115',
    title: 'what is late is proposed again every half second, however long it is late',
    rule: 'own',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: 'now - attachment.proposedAtMs >= repeatAfterMs(attachment.repeats)',
        replace: 'now - attachment.proposedAtMs >= repeatAfterMs(0)',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y116',
    title: 'what is under way is proposed again while the leader is busy',
    rule: 'own',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: 'this.node.leader() !== null && !this.node.proposals.isBusy()',
        replace: 'this.node.leader() !== null',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y117',
    title: 'a node takes any amount of work that is not applied',
    rule: 'own',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: 'return this.#unappliedBytes >= UNAPPLIED_BYTES || this.node.proposals.isBusy()',
        replace: 'return this.#unappliedBytes >= 100 * UNAPPLIED_BYTES || this.node.proposals.isBusy()',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y118',
    title: 'a transfer is given up although its receiver makes progress',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: '      transfer.stall.cancel()\n      transfer.stall = this.#watch(nodeId, transfer.id)\n',
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y119',
    title: 'a snapshot is sent without a window',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: 'if (transfer.sent - transfer.acked >= SNAPSHOT_TRANSFER_WINDOW_CHUNKS * SNAPSHOT_TRANSFER_CHUNK_BYTES) return',
        replace:
          'if (transfer.sent - transfer.acked >= 1e6 * SNAPSHOT_TRANSFER_WINDOW_CHUNKS * SNAPSHOT_TRANSFER_CHUNK_BYTES) return',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y120',
    title: 'an earlier transfer from the same node is not ended by the next',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: '    if (begin === null) return\n    this.peerDown(from)\n',
        replace: '    if (begin === null) return\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y121',
    title: 'a receiver is silent while its disk works',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: "      this.#ack(from, incoming, 'more')\n      this.#sayWorking(from, incoming)\n",
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y122',
    title: 'chunks beyond what was asked for wait in memory',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: '    if (incoming.waiting > SNAPSHOT_TRANSFER_WINDOW_CHUNKS) return\n',
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y123',
    title: 'a write of LevelDB that fails behind an acknowledgement ends nothing before the next write',
    rule: 'own',
    edits: [{ file: 'src/raft/store/write-backlog.ts', find: '        this.#onFailure(error)\n', replace: '' }],
    killers: ['tests'],
  },
  {
    id: 'Y124',
    title: 'a membership change that cannot be applied is appended, and ends every member that comes to it',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/membership/membership.ts',
        find: '    if (problem !== null) throw new NodeRefusal(NodeRefusalReason.impossibleChange, problem.message)\n',
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y125',
    title: 'the tick of the core comes before what the sockets brought in the same turn',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/raft/node/raft-driver.ts',
        find: '      this.#drainInbox()\n      this.#runTicks()\n',
        replace: '      this.#runTicks()\n      this.#drainInbox()\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y126',
    title: 'a request that waits on this connection is told busy when it is repeated',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/request-ids.ts',
        find: 'id <= Math.max(this.#known, this.#proposed)',
        replace: 'id <= Math.max(this.#known, 0 * this.#proposed)',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'T980',
    title: 'what is said of a broken hold is a sum that no snapshot can hold, when its lease is long',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/terms.ts',
        find: 'Math.min(Number.MAX_SAFE_INTEGER, (terms?.leaseMs ?? 0) + nodeLeaseMs)',
        replace: '(terms?.leaseMs ?? 0) + nodeLeaseMs',
      },
    ],
    tests: ['test/locks/service/endings.test.ts'],
  },
]
