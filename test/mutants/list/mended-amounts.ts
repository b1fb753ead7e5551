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
        file: 'src/raft/node/apply-loop.ts',
        find: '    for (const message of dropped) for (const response of message.responses) this.respond(response)\n',
        replace: '    dropped.length = 0\n',
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
        file: 'src/raft/node/apply-loop.ts',
        find: 'while (this.#at < entries.length && spent < budget) {',
        replace: 'while (this.#at < entries.length) {',
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
        find: 'if (i > start && bytes + size > BUNDLE_FRAME_BYTES) {',
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
]
