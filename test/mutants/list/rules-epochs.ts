/** Clauses of rules.md: the state, rule 0 (the node lease) and rule 1 (epochs). */
import type { Mutant } from '../mutant.js'

const SESSIONS = 'src/locks/state/sessions.ts'
const EPOCHS = 'src/locks/state/epochs.ts'
const CONFIG = 'src/server/config/config.ts'
const EPOCH = 'src/service/leases/node-epoch.ts'
const RECORDS = 'src/service/leases/epoch-records.ts'
const HOST = 'src/raft/store/host.ts'
const HOST_TESTS = ['test/raft/store/host.test.ts']

export const RULES_EPOCHS: readonly Mutant[] = [
  // ------------------------------------------------------------------------------------------------ the state
  {
    id: 'R00a',
    title: 'a command of a session is done under any epoch of its node',
    rule: 'Time',
    edits: [
      {
        file: SESSIONS,
        find: 'return place?.live && place.epoch === header.epoch && place.node === header.node ? session : null',
        replace: 'return place?.live && place.node === header.node ? session : null',
      },
    ],
  },
  {
    id: 'R00b',
    title: 'a command of a session is done under any attach count',
    rule: 'Time',
    edits: [
      {
        file: SESSIONS,
        find: 'if (session === undefined || session.attach !== header.attach) return null\n  const place',
        replace: 'if (session === undefined) return null\n  const place',
      },
    ],
  },
  {
    id: 'R00c',
    title: 'a command of a session is done under any epoch and any attach count',
    rule: 'Time',
    edits: [
      {
        file: SESSIONS,
        find: 'if (session === undefined || session.attach !== header.attach) return null\n  const place',
        replace: 'if (session === undefined) return null\n  const place',
      },
      {
        file: SESSIONS,
        find: 'return place?.live && place.epoch === header.epoch && place.node === header.node ? session : null',
        replace: 'return place?.live ? session : null',
      },
    ],
  },
  {
    id: 'R00d',
    title: 'the counter of ids and tokens may stay below the index of the entry',
    rule: 'Replicated state',
    edits: [
      {
        file: 'src/locks/state/state.ts',
        find: 'this.counter = Math.max(this.counter + 1, index)',
        replace: 'this.counter = this.counter + 1',
      },
    ],
  },
  {
    id: 'R00e',
    title: 'the counter does not begin at the unix time of the formation',
    rule: 'Replicated state',
    edits: [
      {
        file: 'src/locks/state/genesis.ts',
        find: 'state.counter = genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND',
        replace: 'state.counter = 0',
      },
    ],
  },
  {
    id: 'R00f',
    title: 'an ended epoch is forgotten while sessions still name it',
    rule: 'Replicated state',
    edits: [
      {
        file: EPOCHS,
        find: 'if (entry.sessions.count === 0) context.state.forgetEpoch(entry)',
        replace: 'if (entry.sessions.count <= 1) context.state.forgetEpoch(entry)',
      },
    ],
  },
  {
    id: 'R00g',
    title: 'a restore from a backup raises the counter and ends all sessions: not done',
    rule: 'Replicated state',
    notApplicable: 'there is no restore from a backup in this version, only snapshots between members',
  },
  // ---------------------------------------------------------------------------------------- rule 0: the lease
  {
    id: 'R0a',
    title: 'L is what the flag of this process says, not what the cluster was formed with',
    rule: 'rule 0',
    edits: [
      {
        file: 'src/locks/machine.ts',
        find: '      this.state = state\n',
        replace: '      this.state = Object.assign(state, { nodeLeaseMs: this.state.nodeLeaseMs })\n',
      },
    ],
  },
  {
    id: 'R0b',
    title: 'an L of less than 3 s is taken',
    rule: 'rule 0',
    edits: [{ file: CONFIG, find: "'lease', 10, 3,", replace: "'lease', 10, 1," }],
  },
  {
    id: 'R0c',
    title: 'L is not compared with the election timeout and the number of connections',
    rule: 'rule 0',
    edits: [
      {
        file: CONFIG,
        find: 'if (Math.round(leaseMs * 700) >= Math.round(neededMs * 1000)) return',
        replace: 'if (neededMs > 0) return',
      },
    ],
  },
  {
    id: 'R0d',
    title: 'L is compared with one longest election timeout, not two',
    rule: 'rule 0',
    edits: [
      {
        file: CONFIG,
        find: 'const neededMs = 2 * (2 * electionTimeoutMs) + 50',
        replace: 'const neededMs = 2 * electionTimeoutMs + 50',
      },
    ],
  },
  {
    id: 'R0e',
    title: 'the time to close all connections is left out of the least L',
    rule: 'rule 0',
    edits: [{ file: CONFIG, find: ' + maxConnections * 0.05', replace: ' + maxConnections * 0' }],
  },
  {
    id: 'R0f',
    title: 'a flag that is ignored is ignored without a warning',
    rule: 'rule 0',
    notApplicable: 'this version does not warn: reported as a fault of the product',
  },
  // ------------------------------------------------------------------------------------------- rule 1: epochs
  {
    id: 'R1a',
    title: 'a node serves before its NodeUp is applied and a renewal of the epoch answered',
    rule: 'rule 1',
    edits: [
      {
        file: 'src/service/lock-service.ts',
        find: 'serving: () => !this.#stopping && this.#right.maySpeak(),',
        replace: 'serving: () => !this.#stopping && (this.#right.maySpeak() || this.#epoch.epoch !== 0),',
      },
    ],
  },
  {
    id: 'R1b',
    title: 'the epoch is not random: it follows the last one',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCH,
        find: 'const epoch = randomEpoch(this.deps.random)',
        replace:
          'const epoch = this.deps.state.currentEpoch(this.deps.nodeId) + 1_000 + this.deps.nodeId.charCodeAt(1) + 0 * randomEpoch(this.deps.random)',
      },
    ],
  },
  {
    id: 'R1c',
    title: 'NodeUp does not ask whether the expected epoch is the current one',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCHS,
        find: 'if ((entry?.current ?? 0) !== expected || epoch === expected || state.epochs.has(epoch)) return',
        replace: 'if (epoch === expected || state.epochs.has(epoch) || entry?.current === epoch) return',
      },
    ],
  },
  {
    id: 'R1d',
    title: 'NodeUp ends the old epoch without a proof of death',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCHS,
        find: 'if (command.dead !== 0 && command.dead === expected) endEpoch',
        replace: 'if (expected !== 0) endEpoch',
      },
    ],
  },
  {
    id: 'R1e',
    title: 'NodeUp ends whatever epoch it names as dead, also another one than it expects',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCHS,
        find: 'if (command.dead !== 0 && command.dead === expected) endEpoch(context, node, expected)',
        replace: 'if (command.dead !== 0) endEpoch(context, node, command.dead)',
      },
    ],
  },
  {
    id: 'R1f',
    title: 'a node says that its last epoch is dead without any proof',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCH,
        find: 'const dead = this.#isDead(expected) ? expected : 0',
        replace: 'const dead = this.#isDead(expected) || expected !== 0 ? expected : 0',
      },
    ],
  },
  {
    id: 'R1g',
    title: 'an epoch of its own that lapsed is not said to be dead',
    rule: 'rule 1',
    edits: [{ file: EPOCH, find: '    this.#dead.add(epoch)\n', replace: '' }],
  },
  {
    id: 'R1h',
    title: 'a record proves the death of any epoch',
    rule: 'rule 1',
    edits: [{ file: RECORDS, find: 'record.epoch === epoch && record.bootId', replace: 'record.bootId' }],
  },
  {
    id: 'R1i',
    title: 'a record of another boot proves death',
    rule: 'rule 1',
    edits: [{ file: RECORDS, find: 'record.bootId === records.bootId && ', replace: '' }],
  },
  {
    id: 'R1j',
    title: 'a record under another lock file proves death',
    rule: 'rule 1',
    edits: [{ file: RECORDS, find: ' && record.lockIdentity === records.lockIdentity', replace: '' }],
  },
  {
    id: 'R1k',
    title: 'a record proves death on a file system that is not known to be local',
    rule: 'rule 1',
    edits: [{ file: RECORDS, find: 'if (!records.localFs || records.bootId', replace: 'if (records.bootId' }],
  },
  {
    id: 'R1l',
    title: 'where the kernel tells no boot id, two processes without one are of the same boot',
    rule: 'rule 1',
    edits: [{ file: RECORDS, find: "records.bootId === '' || records.lockIdentity === ''", replace: 'false' }],
  },
  {
    id: 'R1m',
    title: 'every file system counts as local',
    rule: 'rule 1',
    edits: [
      {
        file: HOST,
        find: "if (process.platform === 'linux') return LOCAL_ON_LINUX.has(type)",
        replace: 'if (type !== 0) return true',
      },
    ],
    killers: ['tests'],
    tests: HOST_TESTS,
  },
  {
    id: 'R1n',
    title: "LevelDB's lock file is opened to look at it, and with its descriptor the lock is closed",
    rule: 'rule 1',
    edits: [
      { file: HOST, find: 'import { readFile, stat, statfs }', replace: 'import { open, readFile, stat, statfs }' },
      {
        file: HOST,
        find: 'const { dev, ino } = await stat(',
        replace:
          'await (await open(join(directory, LOG_DIRECTORY, LEVELDB_LOCK_FILE))).close()\n  const { dev, ino } = await stat(',
      },
    ],
    killers: ['tests'],
    tests: HOST_TESTS,
  },
  {
    id: 'R1o',
    title: 'the record is stored beside the proposal of NodeUp, not synced before it',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCH,
        find: '    this.#storeRecords(() => {\n      this.#candidate = epoch\n      this.#proposeCandidate()\n    })',
        replace: '    this.#candidate = epoch\n    this.#proposeCandidate()\n    this.#storeRecords(() => {})',
      },
    ],
  },
  {
    id: 'R1p',
    title: 'records of earlier epochs are dropped before a later epoch is applied',
    rule: 'rule 1',
    edits: [{ file: EPOCH, find: 'this.#keptRecords = [...records]', replace: 'this.#keptRecords = []' }],
  },
  {
    id: 'R1q',
    title: 'records of this very process count as a proof',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCH,
        find: 'provesDeath(this.deps.records, this.#earlierRecords, epoch)',
        replace: 'provesDeath(this.deps.records, this.#keptRecords, epoch)',
      },
    ],
    equivalent:
      'a process asks for a new epoch only when its own is abandoned, with every connection closed in the same call: then it is dead by R1g already',
  },
  {
    id: 'R1r',
    title: 'the lease of an epoch does not start when its NodeUp is applied but with the office of the leader',
    rule: 'rule 1',
    edits: [
      {
        file: 'src/service/leases/epoch-expiry.ts',
        find: '    this.#countedFromMs.set(epoch, this.deps.clock.takerNow())\n',
        replace: '    this.#countedFromMs.delete(epoch)\n',
      },
    ],
  },
  {
    id: 'R1s',
    title: 'a clean stop commits the end of the epoch before the connections are closed',
    rule: 'rule 1',
    edits: [
      {
        file: 'src/service/composition.ts',
        find: '    this.service.closeClients()\n    await new Promise<void>((resolve) => this.service.signOff(resolve))\n',
        replace:
          '    await new Promise<void>((resolve) => this.service.signOff(resolve))\n    this.service.closeClients()\n',
      },
    ],
    tests: ['test/e2e/ending.test.ts'],
  },
  {
    id: 'R1t',
    title: 'a clean stop does not commit the end of the epoch',
    rule: 'rule 1',
    edits: [{ file: EPOCH, find: '    this.#proposeEnd(this.#epoch)\n', replace: '' }],
  },
  {
    id: 'R1u',
    title: 'a process that sees an epoch of its node that it did not make runs on',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCH,
        find: 'if (!this.#wasUp || this.#own.has(epoch)) return',
        replace: 'if (epoch !== 0 || !this.#wasUp || this.#own.has(epoch)) return',
      },
    ],
  },
  {
    id: 'R1v',
    title: 'a late NodeUp of an epoch that is still listed makes it current again',
    rule: 'rule 1',
    edits: [
      {
        file: EPOCHS,
        find: ' || epoch === expected || state.epochs.has(epoch)) return',
        replace: ' || epoch === expected) return',
      },
    ],
    equivalent:
      'every later NodeUp expects the epoch before it, so a repeat finds another current one: R1c shows what that comparison is for',
  },
]
