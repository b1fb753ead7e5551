/** Bugs of what is durable, and when. */
import type { Mutant } from '../mutant.js'

const RAFT = 'src/raft/core/raft.ts'
const WINDOW = 'src/raft/core/log/memory-storage.ts'
const RECOVERY = 'src/raft/store/recovery.ts'

export const DURABILITY: readonly Mutant[] = [
  {
    id: 'M34',
    title: 'the leader counts its own entries before they are durable',
    rule: 'others',
    edits: [
      {
        file: RAFT,
        find: '    this.send(message(MsgType.appResp, this.id, this.id, { index }))',
        replace: `    this.tracker.progress.get(this.id)?.maybeUpdate(index)
    this.maybeCommit()
    this.send(message(MsgType.appResp, this.id, this.id, { index }))`,
      },
    ],
  },
  {
    id: 'M35',
    title: 'a follower acknowledges entries before they are durable',
    rule: 'others',
    edits: [
      {
        file: RAFT,
        find: 'if (this.#awaitsStorage(m.type)) return this.messagesAfterAppend',
        replace:
          'if (this.#awaitsStorage(m.type) && (m.type !== MsgType.appResp || m.to === this.id)) return this.messagesAfterAppend',
      },
    ],
  },
  {
    id: 'M37',
    title: 'the answer of a storage write counts although the term has changed since (ABA)',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/step.ts',
        find: '} else if (m.term !== 0 && m.term < raft.term) {',
        replace: '} else if (m.term !== 0 && m.term < raft.term && m.type !== MsgType.storageAppendResp) {',
      },
    ],
  },
  {
    id: 'M38',
    title: 'the window in memory keeps the old entries behind a replaced suffix',
    rule: 'others',
    edits: [
      {
        file: WINDOW,
        find: '    this.#slots.length = from\n',
        replace: '    let slot = from\n',
      },
      {
        file: WINDOW,
        find: '      this.#slots.push(entry)\n',
        replace: '      this.#slots[slot++] = entry\n',
      },
    ],
  },
  {
    id: 'M39',
    title: 'on start the log is cut at the first damaged block, although good ones follow',
    rule: 'others',
    edits: [
      {
        file: RECOVERY,
        find: ', () => this.#addBlock(parsed.firstIndex, value))',
        replace: `, () => {
        try {
          if (!this.#isCut) this.#addBlock(parsed.firstIndex, value)
        } catch {
          this.#isCut = true
        }
      })`,
      },
      { file: RECOVERY, find: '  #meta: Meta | null = null', replace: '  #meta: Meta | null = null\n  #isCut = false' },
      {
        file: RECOVERY,
        find: '    this.#checkChain(meta, blocks)',
        replace: `    if (this.#isCut) {
      const end = blocks.at(-1)
      const last = end ? { index: end.lastIndex, term: end.lastTerm, chain: end.checksum } : meta.prev
      const hardState = { ...meta.hardState, commit: Math.min(meta.hardState.commit, last.index) }
      const kept = this.#entries.filter((entry) => entry.index > meta.prev.index)
      return { meta: { ...meta, last, hardState }, proof, blocks, entries: kept, records: this.#records, forgotten }
    }
    this.#checkChain(meta, blocks)`,
      },
    ],
  },
  {
    id: 'M40',
    title: 'a member whose directory was emptied is let in again under its old Raft id',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/node/membership/peer-verdict.ts',
        find: 'if (member.memberUid === null || member.memberUid === peer.memberUid) return accept',
        replace: 'if (member.memberUid !== undefined) return accept',
      },
      {
        file: 'src/raft/node/membership/admission.ts',
        find: 'if (member === null || member.memberUid !== memberUid) continue',
        replace: 'if (member === null || member.memberUid === null) continue',
      },
      {
        file: 'src/raft/node/membership/admission.ts',
        find: `    if (peer.clusterId === this.clusterId) this.#confirm(peer.nodeId)
    else {`,
        replace: `    this.#confirm(peer.nodeId)
    if (peer.clusterId !== this.clusterId) {`,
      },
      {
        file: 'src/raft/node/membership/bootstrap.ts',
        find: 'if (fromFounder && this',
        replace: 'if ((fromFounder || said.confirmed) && this',
      },
    ],
  },
  {
    id: 'M41',
    title: 'the applied index of a start comes from the stored commit index, not from the state: entries are skipped',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/node/running-node.ts',
        find: 'const appliedIndex = boot.snapshot?.index ?? 0',
        replace: 'const appliedIndex = Math.max(boot.snapshot?.index ?? 0, boot.hardState.commit)',
      },
    ],
  },
  {
    id: 'M42',
    title: 'the log is cut before the snapshot is durable',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-maker.ts',
        find: '    this.#writing = this.store.saveSnapshot(metadata, this.machine.snapshot()).then(',
        replace: `    this.#lastIndex = metadata.index
    this.onDurable(metadata)
    this.#writing = this.store.saveSnapshot(metadata, this.machine.snapshot()).then(`,
      },
      {
        file: 'src/raft/store/level-log-store.ts',
        find: 'invariant(index <= covered, ',
        replace: 'invariant(covered >= 0, ',
      },
    ],
  },
  {
    id: 'T910',
    title: 'a node that stops waits for ever for a snapshot that could not be written',
    rule: 'own',
    tests: ['test/raft/node/window.test.ts'],
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-maker.ts',
        find: 'while (this.#busy && !this.#hasFailed) await this.#writing',
        replace: 'while (this.#busy && !this.#hasFailed) await new Promise(() => undefined)',
      },
    ],
  },
  {
    id: 'M43',
    title: 'a write or sync that failed is taken as done',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/store/journal.ts',
        find: 'return this.#file.write(position, bytes)',
        replace: 'return this.#file.write(position, bytes).catch(() => undefined)',
      },
      {
        file: 'src/raft/store/write-backlog.ts',
        find: 'await this.database.write(operations, true)',
        replace: 'await this.database.write(operations, true).catch(() => undefined)',
      },
    ],
  },
]
