/** Clauses of rules.md: rule 2, the right to speak. */
import type { Mutant } from '../mutant.js'

const RIGHT = 'src/service/leases/right-to-speak.ts'
const FRONT = 'src/service/lock-service.ts'
const CONNECTION = 'src/service/dialects/connection.ts'
const SOLE_VOTER = 'src/service/leases/sole-voter.ts'
const LIMITS = 'src/service/limits.ts'

export const RULES_SPEAKING: readonly Mutant[] = [
  {
    id: 'R2a',
    title: 'a node renews twice in L, not every L/5',
    rule: 'rule 2',
    edits: [{ file: LIMITS, find: 'RENEWALS_PER_LEASE = 5', replace: 'RENEWALS_PER_LEASE = 2' }],
  },
  {
    id: 'R2b',
    title: 'renewals are not numbered: an answer counts for the last one that was sent',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'this.#sent.find((sent) => sent.number === number)',
        replace: 'this.#sent.findLast((sent) => sent.number >= number)',
      },
    ],
  },
  {
    id: 'R2c',
    title: 'renewals travel on the bulk lane, behind whatever is there',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'node.sendPeer(leader, Lane.control, FrameKind.renew,',
        replace: 'node.sendPeer(leader, Lane.bulk, FrameKind.renew,',
      },
    ],
  },
  {
    id: 'R2d',
    title: 'answers to renewals travel on the bulk lane',
    rule: 'rule 2',
    edits: [
      {
        file: FRONT,
        find: 'this.deps.node.sendPeer(to, Lane.control, FrameKind.renewed, payload)',
        replace: 'this.deps.node.sendPeer(to, Lane.bulk, FrameKind.renewed, payload)',
      },
    ],
  },
  {
    id: 'R2e',
    title: 'a node may speak before it has applied the index that the answer names',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'if (this.deps.node.appliedIndex() >= commitIndex) this.#onRenewed(renewal)',
        replace: 'this.#onRenewed(renewal)',
      },
    ],
  },
  {
    id: 'R2f',
    title: 'the right counts from the arrival of the answer',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'if (this.#epoch !== 0) this.#prolong(renewal.sentAtMs)',
        replace: 'if (this.#epoch !== 0) this.#prolong(this.deps.clock.speakerNow())',
      },
    ],
  },
  {
    id: 'R2g',
    title: 'the right lasts for the whole L',
    rule: 'rule 2',
    edits: [{ file: LIMITS, find: 'SPEAK_SHARE_OF_LEASE = 0.9', replace: 'SPEAK_SHARE_OF_LEASE = 1' }],
  },
  {
    id: 'R2h',
    title: 'the right lasts for 0.95 L, less than the ratio of clocks asks for',
    rule: 'rule 2',
    edits: [{ file: LIMITS, find: 'SPEAK_SHARE_OF_LEASE = 0.9', replace: 'SPEAK_SHARE_OF_LEASE = 0.95' }],
  },
  {
    id: 'R2i',
    title: 'the margin of 50 ms is not subtracted',
    rule: 'rule 2',
    edits: [{ file: RIGHT, find: 'nodeLeaseMs - SPEAK_MARGIN_MS', replace: 'nodeLeaseMs - 0 * SPEAK_MARGIN_MS' }],
  },
  {
    id: 'R2j',
    title: 'the clock is not looked at when a word is written',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: '    this.turn()\n    return this.#speakUntilMs !== null',
        replace: '    return this.#speakUntilMs !== null',
      },
    ],
  },
  {
    id: 'R2k',
    title: 'a positive word does not ask for the right to speak',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/dialects/connection.ts',
        find: 'if (!this.#open || !this.context.right.maySpeak()) return false',
        replace: 'if (!this.#open) return false',
      },
    ],
  },
  {
    id: 'R2l',
    title: 'a leader renews its own epoch in place, without a quorum',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'if (isSoleVoter(node)) this.#prolong(now)',
        replace: 'if (node.isLeaderReady()) this.#prolong(now)',
      },
    ],
  },
  {
    id: 'R2m',
    title: 'a leader that wakes renews in place, also if there are other voters',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'if (isSoleVoter(this.deps.node)) this.#prolong',
        replace: 'if (this.deps.node.isLeaderReady()) this.#prolong',
      },
    ],
  },
  {
    id: 'R2n',
    title: 'the only voter of the new configuration counts as sole voter while the old one still counts',
    rule: 'rule 2',
    edits: [{ file: SOLE_VOTER, find: 'confState.votersOutgoing.length === 0 && ', replace: '' }],
  },
  {
    id: 'R2o',
    title: 'a sole voter does not renew in place on waking',
    rule: 'rule 2',
    edits: [
      {
        file: RIGHT,
        find: 'if (isSoleVoter(this.deps.node)) this.#prolong',
        replace: 'if (until < 0) this.#prolong',
      },
    ],
  },
  {
    id: 'R2p',
    title: 'the only voter renews in place although it does not lead',
    rule: 'rule 2',
    edits: [{ file: SOLE_VOTER, find: 'if (!node.isLeaderReady()) return false', replace: '' }],
    equivalent:
      'nobody else can lead a configuration with one voter, and before it leads nothing can have been granted by others since',
  },
  {
    id: 'R2q',
    title: 'when the right ends, sessions are closed before classic connections that hold',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/lock-service.ts',
        find: '    for (const connection of this.#holders) connection.cut()\n',
        replace:
          '    this.#each((connection) => {\n      if (!this.#holders.has(connection)) connection.cut()\n    })\n',
      },
    ],
  },
  {
    id: 'R2r',
    title: 'when the right ends, only classic connections that hold are closed',
    rule: 'rule 2',
    edits: [
      {
        file: FRONT,
        find: '    this.#each((connection) => connection.cut())\n    this.#deadlines.clear()',
        replace: '    this.#deadlines.clear()',
      },
    ],
  },
  {
    id: 'R2s',
    title: 'words that wait to be sent are sent late: no reset when the right ends',
    rule: 'rule 2',
    edits: [
      { file: CONNECTION, find: 'if (this.socket.writableLength > 0) this.socket.reset()\n    else', replace: '' },
    ],
  },
  {
    id: 'R2t',
    title: 'closing does not begin earlier, however many connections hold',
    rule: 'rule 2',
    edits: [
      {
        file: LIMITS,
        find: 'CLOSE_MARGIN_PER_CONNECTION_MS = 0.05',
        replace: 'CLOSE_MARGIN_PER_CONNECTION_MS = 0',
      },
    ],
  },
  {
    id: 'R2u',
    title: 'the session dialect is told `lost` when the right of its node ends',
    rule: 'rule 2',
    edits: [
      {
        file: FRONT,
        find: '    this.#each((connection) => connection.cut())\n    this.#deadlines.clear()',
        replace:
          "    this.#each((connection) => {\n      connection.say('lost,name:all,token:1,reason:lease-expired\\n')\n      connection.cut()\n    })\n    this.#deadlines.clear()",
      },
    ],
  },
  {
    id: 'R2v',
    title: 'a right that has lapsed comes back: the connections are closed, but the epoch is renewed again',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/leases/node-epoch.ts',
        find: "    this.#abandon('the right to speak lapsed')\n",
        replace: '    const epoch = this.#epoch\n    this.deps.onOver()\n    this.deps.onBegin(epoch)\n',
      },
    ],
  },
  {
    id: 'R2w',
    title: 'a right that has lapsed comes back by a late answer, and nothing was closed meanwhile',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/leases/right-to-speak.ts',
        find: 'else this.deps.onLapsed()',
        replace: 'else this.#speakUntilMs = null',
      },
    ],
  },
]
