/** What peers and strangers could do, put back. */
import type { Mutant } from '../mutant.js'

const ADMISSION = 'src/raft/node/membership/peer-verdict.ts'
const CONNECTION = 'src/raft/net/peer-connection.ts'
const FRAME = 'src/raft/net/frame.ts'
const INTRODUCTION = 'src/raft/net/introduction.ts'
const LINK = 'src/raft/net/peer-link.ts'
const READER = 'src/raft/node/peer-reader.ts'
const SECRET = 'src/raft/net/peer-secret.ts'
const TRANSPORT = 'src/raft/net/transport.ts'
const WITNESSES = 'src/raft/node/membership/witnesses.ts'
const WORDS = 'src/raft/node/message-checks.ts'

interface Fault {
  readonly id: string
  readonly title: string
  readonly rule: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

const FAULTS: readonly Fault[] = [
  {
    id: 'Y201',
    title: 'a malformed frame ends the process',
    rule: 'Words of peers',
    file: CONNECTION,
    find: 'if (!(error instanceof PeerProtocolError)) throw error',
    replace: 'if (!(error instanceof FrameError)) throw error',
  },
  {
    id: 'Y202',
    title: 'a final refusal is believed from whoever dials',
    rule: 'Words of peers',
    file: ADMISSION,
    find: 'if (!refusal.isFinal || !wasDialled || hello === null) return false',
    replace: 'if (!refusal.isFinal || hello === null) return false',
  },
  {
    id: 'Y203',
    title: 'a final refusal is believed from another cluster',
    rule: 'Words of peers',
    file: ADMISSION,
    find: '(hello.clusterId === self.clusterId && self.isMember(nodeId))',
    replace: 'self.isMember(nodeId)',
  },
  {
    id: 'Y204',
    title: 'what comes before the handshake has no bound',
    rule: 'Words of peers',
    file: FRAME,
    find: 'this.#strangerBytesLeft -= fragmentBytes',
    replace: 'this.#strangerBytesLeft -= 0',
  },
  {
    id: 'Y205',
    title: 'silent connections keep peers out',
    rule: 'Words of peers',
    file: TRANSPORT,
    find: 'const oldest = unknown.find(({ remoteAddress }) => counts.get(remoteAddress) === most)',
    replace: 'const oldest = unknown.findLast(({ remoteAddress }) => counts.get(remoteAddress) === most)',
  },
  {
    id: 'Y206',
    title: 'Raft messages count over whatever connection they come',
    rule: 'own',
    file: READER,
    find: '(message) => message.from === sender && message.to === raftId',
    replace: '(message) => message.to === raftId && sender !== 0',
  },
  {
    id: 'Y207',
    title: 'a command of a follower is proposed unread',
    rule: 'Words of peers',
    file: READER,
    find: "if (kind === 'garbage') throw",
    replace: 'if (command === payload) throw',
  },
  {
    id: 'Y208',
    title: 'a term may be as far ahead as it likes',
    rule: 'Words of peers',
    file: WORDS,
    find: 'if (term > TERM_MAX || term > own + TERM_JUMP) throw',
    replace: 'if (term > 2 * TERM_MAX && term > own + TERM_JUMP) throw',
  },
  {
    id: 'Y209',
    title: 'entries of a peer need not join on to each other',
    rule: 'Words of peers',
    file: WORDS,
    find: 'if (entry.index !== previous.index + 1) throw',
    replace: 'if (entry.index < previous.index) throw',
  },
  {
    id: 'Y210',
    title: 'whoever says the name of a connected peer takes its place',
    rule: 'own',
    file: LINK,
    find: 'if (this.#isTakeover(connection)) return false',
    replace: 'if (this.#isTakeover(connection) && this.#failedDials < 0) return false',
  },
  {
    id: 'Y211',
    title: 'a node of another cluster is dialled as often as a peer',
    rule: 'Words of peers',
    file: LINK,
    find: 'if (isForeign) this.#dialAfterAbout(RECONNECT_FOREIGN_MS)',
    replace: 'if (isForeign) this.#dialLater()',
  },
  {
    id: 'Y212',
    title: 'a follower turns an empty node away for good without asking a quorum',
    rule: 'others',
    file: 'src/raft/node/membership/certainty.ts',
    find: "    if (read === 'asked') return 'unsure'",
    replace: "    if (read === undefined) return 'sure'\n    if (read === 'asked') return 'unsure'",
  },
  {
    id: 'Y213',
    title: "a removed member's Raft id is given out again",
    rule: 'others',
    file: 'src/raft/node/membership/membership.ts',
    find: 'return FOUNDERS_COUNT + this.deps.lastIndex() + 1',
    replace: 'return FOUNDERS_COUNT + this.deps.addresses.others(this.deps.identity.nodeId).length + 1',
  },
  {
    id: 'Y221',
    title: 'a proof fits both sides',
    rule: 'Peer secret',
    file: SECRET,
    find: 'update(LABEL).update(side)',
    replace: 'update(LABEL).update(side.slice(0, 0))',
  },
  {
    id: 'Y222',
    title: 'a proof does not cover what the dialler said',
    rule: 'Peer secret',
    file: SECRET,
    find: 'for (const part of [listener, dialler]) {',
    replace: 'for (const part of [listener, dialler.subarray(0, 0)]) {',
  },
  {
    id: 'Y223',
    title: 'a peer without a secret is let in although one is required',
    rule: 'Peer secret',
    file: INTRODUCTION,
    find: "if (said.secret !== 'none' || this.secrets === null || !this.secrets.isRequired) return said",
    replace: "if (said.secret !== 'none' || this.secrets === null || this.secrets.isRequired) return said",
  },
  {
    id: 'Y224',
    title: 'a hello is judged before its proof',
    rule: 'Peer secret',
    file: CONNECTION,
    find: 'if (!this.#introduction.isProofDue) {',
    replace: 'if (!this.#introduction.isProofDue || !this.dialled) {',
  },
  {
    id: 'Y225',
    title: 'a final refusal is believed before the proof',
    rule: 'Peer secret',
    file: TRANSPORT,
    find: 'const hello = connection.isTrusted ? peer : null',
    replace: 'const hello = peer',
  },
  {
    id: 'Y231',
    title: 'a witness forgets the term',
    rule: 'Witnesses',
    file: WITNESSES,
    find: 'if (held.term < term) return',
    replace: 'if (held.term < term && held.term < 0) return',
  },
  {
    id: 'Y232',
    title: 'a witness forgets the vote',
    rule: 'Witnesses',
    file: WITNESSES,
    find: 'if (held.term === term && votedForUs && held.vote !== ownId) return',
    replace: 'if (held.term === term && votedForUs && held.vote === -1) return',
  },
  {
    id: 'Y233',
    title: 'a witness holds the tail of an earlier term against a healthy directory',
    rule: 'Witnesses',
    file: WITNESSES,
    find: 'if (held.term === term && held.lastIndex < index) {',
    replace: 'if (held.lastIndex < index) {',
  },
  {
    id: 'Y234',
    title: 'a witness takes as committed there what was committed in another term',
    rule: 'Witnesses',
    file: WITNESSES,
    find: 'if (answered.term !== this.view.term) return',
    replace: 'if (answered.term > this.view.term) return',
  },
  {
    id: 'Y235',
    title: 'a process is refused for what it said itself',
    rule: 'Witnesses',
    file: WITNESSES,
    find: 'if (witness === undefined || witness.processes.has(processId)) return null',
    replace: 'if (witness === undefined || processId === memberUid) return null',
  },
  {
    id: 'Y236',
    title: 'a directory that was refused may start again',
    rule: 'Witnesses',
    file: 'src/raft/node/raft-node.ts',
    find: 'if (forgotten !== null) throw',
    replace: 'if (forgotten !== null && this.#stopped) throw',
  },
]

export const MENDED_PEERS: readonly Mutant[] = FAULTS.map(({ id, title, rule, file, find, replace }) => ({
  id,
  title,
  rule,
  edits: [{ file, find, replace }],
}))
