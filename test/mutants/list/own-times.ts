/** Bugs of what leader and nodes count (rules.md rules 4, 12, tails), put in on purpose. In brackets: the number in the lock tests' list. */
import type { Mutant } from '../mutant.js'

const ATTACHMENTS = 'src/service/sessions/attachments.ts'
const DETACHED = 'src/service/leases/detached-sessions.ts'
const HOLD_TIMES = 'src/service/leases/hold-times.ts'
const LETTING_GO = 'src/service/leases/letting-go.ts'
const OVERDUE = 'src/service/leases/overdue.ts'
const ROUTER = 'src/service/effect-router.ts'
const SLICES = 'src/service/leases/slices.ts'
const WALL_TIMES = 'src/service/leases/wall-times.ts'
const CLASSIC = 'src/service/dialects/classic.ts'

export const OWN_TIMES: readonly Mutant[] = [
  {
    id: 'L401',
    title: 'a lost hold is let go of at once, before its client can have heard of it (48)',
    rule: 'rule 12',
    edits: [
      {
        file: LETTING_GO,
        find: 'this.#deadlines.add(counted, leaseMs)',
        replace: 'this.#deadlines.add(counted, 0 * leaseMs)',
      },
    ],
  },
  {
    id: 'L402',
    title: 'a lost hold is let go of after 0.9 of a lease',
    rule: 'rule 12',
    edits: [
      {
        file: LETTING_GO,
        find: 'this.#deadlines.add(counted, leaseMs)',
        replace: 'this.#deadlines.add(counted, 0.9 * leaseMs)',
      },
    ],
  },
  {
    id: 'L403',
    title: 'who has lost a hold is not told (49)',
    rule: 'rule 12',
    edits: [
      {
        file: ATTACHMENTS,
        find: '    this.#attachments.get(conn)?.listener?.lost(name, token, reason)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'L404',
    title: 'after a resume nobody counts what the session has lost',
    rule: 'rule 12',
    edits: [
      { file: ATTACHMENTS, find: '    this.#countEnding(view)\n    const attachment', replace: '    const attachment' },
    ],
  },
  {
    id: 'L405',
    title: 'after an installed snapshot nobody counts what its sessions have lost',
    rule: 'rule 9',
    edits: [{ file: ATTACHMENTS, find: '      this.#countEnding(view)\n', replace: '' }],
  },
  {
    id: 'L406',
    title: 'the count of the old node goes on after a resume: the new client has less than a lease',
    rule: 'rule 12',
    edits: [
      {
        file: LETTING_GO,
        find: 'if (known !== undefined && known.hold.attach === hold.attach) return',
        replace: 'if (known !== undefined) return',
      },
      {
        file: LETTING_GO,
        find: 'state.isEnding(name, token) && state.attachOf(session) === attach',
        replace: 'state.isEnding(name, token)',
      },
    ],
  },
  {
    id: 'L407',
    title: 'what a detached session loses is counted by nobody',
    rule: 'rule 12',
    edits: [
      {
        file: ROUTER,
        find: 'if (effect.where === null) duties.sessions.lost(',
        replace: 'if (effect.leaseMs < 0) duties.sessions.lost(',
      },
    ],
  },
  {
    id: 'L408',
    title: 'what a session had lost before it was detached is counted by nobody when its node is dead',
    rule: 'rule 12',
    edits: [
      {
        file: DETACHED,
        find: '    for (const { name, token } of view.ending) this.lost(session, name, token)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'L409',
    title: 'letting go of a hold is proposed only once',
    rule: 'rule 12',
    edits: [{ file: OVERDUE, find: '    this.#arm()\n  }\n\n  #arm', replace: '  }\n\n  #arm' }],
  },
  {
    id: 'L410',
    title: 'a classic client whose lock was broken keeps its connection',
    rule: 'rule 12',
    edits: [
      {
        file: CLASSIC,
        find: 'if (!this.holds) return\n    this.connection.cut()',
        replace: 'if (!this.holds || this.#showsToken) return\n    this.connection.cut()',
      },
    ],
  },
  {
    id: 'L411',
    title: 'what a classic client was told and has not read may arrive after the lock was passed on',
    rule: 'rule 12',
    edits: [{ file: CLASSIC, find: '    this.connection.cut()\n', replace: '    this.connection.close()\n' }],
  },
  {
    id: 'L412',
    title: 'a time that is told of twice begins anew',
    rule: 'tails',
    edits: [
      {
        file: HOLD_TIMES,
        find: 'if (known?.some((counted) => counted.clock === clock)) return',
        replace: 'this.untimed(token)',
      },
    ],
  },
  {
    id: 'L413',
    title: 'the times of holds have no checkpoints',
    rule: 'rule 4',
    edits: [
      {
        file: HOLD_TIMES,
        find: 'new Checkpoints(clock, (time, leftMs) => this.#tell(time, leftMs))',
        replace: 'new Checkpoints(clock, () => this)',
      },
    ],
  },
  {
    id: 'L414',
    title: 'a leader that hands over does not say what is left of the times of holds',
    rule: 'rule 4',
    edits: [{ file: 'src/service/leases/leader-duties.ts', find: '    this.holds.handingOver()\n', replace: '' }],
  },
  {
    id: 'L415',
    title: 'a delay is over when a min-hold is',
    rule: 'tails',
    edits: [
      {
        file: HOLD_TIMES,
        find: 'this.office.propose({ type: CommandType.timeOver, name, token, clock: HOLD_CLOCKS.indexOf(clock), wallMs })',
        replace:
          "this.office.propose({ type: CommandType.timeOver, name, token, clock: clock === 'ttl' ? 2 : 0, wallMs })",
      },
    ],
  },
  {
    id: 'L416',
    title: 'min-hold is counted from the release, by the state and by the leader (46)',
    rule: 'tails',
    edits: [
      {
        file: 'src/locks/table/ends.ts',
        find: '    terms.ttlMs = 0\n  })\n',
        replace:
          "    terms.ttlMs = 0\n  })\n  effects.push({ kind: 'timed', name: hold.lock.name, token: hold.token, clock: 'minHold', forMs: terms.minHoldMs })\n",
      },
      {
        file: HOLD_TIMES,
        find: 'if (known?.some((counted) => counted.clock === clock)) return',
        replace: 'this.untimed(token)',
      },
    ],
  },
  {
    id: 'L417',
    title: 'all that is over is proposed in one turn, and again',
    rule: 'own',
    edits: [
      {
        file: OVERDUE,
        find: 'this.#underWay.size >= OVERDUE_UNDER_WAY_COUNT',
        replace: 'this.#underWay.size >= 1_000 * OVERDUE_UNDER_WAY_COUNT',
      },
    ],
  },
  {
    id: 'L418',
    title: 'a new leader begins all counts in one turn',
    rule: 'own',
    edits: [
      { file: SLICES, find: 'let left = BEGUN_PER_TURN_COUNT;', replace: 'let left = 1_000 * BEGUN_PER_TURN_COUNT;' },
    ],
  },
  {
    id: 'L419',
    title: 'what is under way and ended otherwise makes no room for the others',
    rule: 'own',
    edits: [{ file: OVERDUE, find: 'if (this.size === 0) return', replace: 'if (this.#underWay.size === 0) return' }],
  },
  {
    id: 'L420',
    title: 'the highest wall time that was ever seen decides (60)',
    rule: 'tails',
    edits: [
      {
        file: WALL_TIMES,
        find: '  return {\n    takerNow: () => clock.wallNow(),',
        replace: '  let highest = 0\n  return {\n    takerNow: () => (highest = Math.max(highest, clock.wallNow())),',
      },
    ],
  },
  {
    id: 'L421',
    title: 'the wall clock is looked at only when something should be over by it',
    rule: 'tails',
    edits: [{ file: WALL_TIMES, find: 'Math.min(delayMs, WALL_CLOCK_LOOK_MS)', replace: 'delayMs' }],
  },
  {
    id: 'L422',
    title: 'marks that were forgotten stay in the memory of the leader',
    rule: 'own',
    edits: [
      {
        file: WALL_TIMES,
        find: 'if (this.#stands(deadline.item)) continue',
        replace: 'if (deadline.dueMs > 0) continue',
      },
    ],
  },
  {
    id: 'L423',
    title: 'holds that were given back stay in the memory of who would have let go of them',
    rule: 'own',
    edits: [
      {
        file: LETTING_GO,
        find: 'if (this.#counted.size < this.#lookAtCount) return',
        replace: 'if (this.#lookAtCount > 0) return',
      },
    ],
  },
  {
    id: 'L424',
    title: 'a new leader does not know of the marks and freezes that end',
    rule: 'tails',
    edits: [{ file: 'src/service/leases/leader-duties.ts', find: '    this.wall.begin()\n', replace: '' }],
  },
  {
    id: 'L425',
    title: 'what an entry could not grant any more waits for whatever entry comes next',
    rule: 'own',
    edits: [
      {
        file: 'src/service/leases/leader-duties.ts',
        find: '    this.#sweeping.look()\n    this.sessions.look()\n',
        replace: '    this.sessions.look()\n',
      },
    ],
  },
]
