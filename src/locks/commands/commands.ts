/**
 * The commands of the lock state machine, as they stand in the log: one row each. There is no clock inside: time is decided
 * outside and enters as conditional commands. Each one names the epoch (and attach count) under which it arose and does
 * nothing under others, so that it may arrive late, twice or never (rules.md).
 *
 * A new command is a row here and its behaviour in `behaviour.ts`. A new field of a command that was released is `since(…)`.
 */
import { bool, list, rare, signed, since, type Table, text, type Values, varint, wide } from './fields.js'

export type NodeId = string
/** Random, made by the node process; below 2^53. */
export type Epoch = number
export type SessionId = number
export type Token = number
/** Counts the connections that one epoch has opened, from 1. */
export type ConnId = number
/**
 * The client's own `id:N` (0 to 2^52 - 1): its answer is stored until acknowledged. Negative ids are names that the node
 * gives to requests without an id, -1 to the one request of a classic connection: their answers are not stored.
 */
export type RequestId = number

// ---------------------------------------------------------------------------------- what commands have in common

/**
 * What opens a connection's session. `conn` is used once in an epoch; `floor` is the lowest conn of this epoch that may
 * still be proposed: an opening below it, or one applied before, does nothing (a late duplicate must not open again).
 */
const opening = { node: text, epoch: wide, conn: varint, floor: varint } as const

/**
 * Who opens or resumes, as the node's auth file calls it; empty: nobody in particular, or the node has no such file. A cluster of
 * level 1 knows nobody. Of a classic connection nobody needs to know: its session is neither resumed nor unlocked.
 */
const identity = since(2, text, '')

/** A session where it is attached. */
const attachment = { node: text, epoch: wide, session: wide, attach: varint } as const

/**
 * What belongs to an attached session. `n` numbers what the node proposes for the session under this attach count:
 * 0 was the opening, then 1, 2, 3 …; a number applies only after its predecessor, repeats do nothing (rule 10).
 */
const numbered = {
  ...attachment,
  n: varint,
  /** All answers up to this request id have arrived at the client; 0: none said. */
  ack: varint,
} as const

/** `waitMs`: 0 does not wait, -1 waits forever. Wall time is for display only ("held for"). */
const lockRequest = {
  name: text,
  waitMs: signed,
  meta: text,
  /** If the holder loses the lock uncleanly nobody gets it for this long. */
  delayMs: varint,
  wallMs: wide,
} as const

/**
 * One name of a request. `amount`: `EXCLUSIVE`, `SHARED`, or so many permits of a semaphore; `limit`: the semaphore's as the
 * client knows it, 0 for a plain lock.
 */
const ask = { name: text, amount: signed, limit: varint } as const

/** A hold that the client will not give back before its request is decided. */
const kept = { name: text, token: wide } as const

/** What holds for all names of a request. Of the times 0 means none. */
const askTerms = {
  /** 0 does not wait, -1 waits forever. */
  waitMs: signed,
  wallMs: wide,
  /** `holding:all`; otherwise `keeps` says what the client keeps while it waits, and `holding:none` is an empty list. */
  keepsAll: rare(bool, true),
  keeps: rare(list(kept)),
  meta: rare(text),
  ttlMs: rare(varint),
  /** The hold is bound to no session: it ends at its ttl, or by `unlock`. */
  loose: rare(bool),
  delayMs: rare(varint),
  minHoldMs: rare(varint),
  /** The done-mark that the request asks for; empty: none. */
  once: rare(text),
  /** How long the mark lasts; 0: for ever. */
  onceTtlMs: rare(varint),
  /** `keeps` may name holds of other identities too: the asker may break these locks, or its node asks nobody who it is. */
  keepsAnyones: rare(bool),
} as const

/** A request that waits, and for how much longer. */
const waitLeft = { request: signed, leftMs: varint } as const

export type OpeningHeader = Values<typeof opening>
export type SessionHeader = Values<typeof numbered>
export type LockRequest = Values<typeof lockRequest>
export type WaitLeft = Values<typeof waitLeft>
export type Ask = Values<typeof ask>
export type Kept = Values<typeof kept>
export type AskTerms = Values<typeof askTerms>

/** Amounts of a plain lock. Permits of a semaphore are 1 and more. */
export const EXCLUSIVE = -1
export const SHARED = 0

// ------------------------------------------------------------------------------------------------------ the table

export const COMMANDS = {
  /** Rule 1: makes `epoch` current if `expected` is the node's current epoch (0: none); ends `expected` at once only if `dead` equals it. */
  nodeUp: {
    type: 1,
    level: 1,
    fields: {
      node: text,
      epoch: wide,
      expected: wide,
      /** The epoch whose death this process has proved, or 0. */
      dead: wide,
      /** HOST:PORT that redirects to this node name. */
      address: text,
      /** HOST:PORT of its peer port, as its settings have it now; empty: they do not say. */
      peer: text,
      /** The feature level of its program. Below the cluster's the command does nothing. */
      programLevel: varint,
    },
  },

  /** A clean stop, after all connections were closed. */
  nodeDown: { type: 2, level: 1, fields: { node: text, epoch: wide } },

  /** Rule 3: the leader's word that a whole L has passed since the last renewal of that epoch that it answered. */
  expireNode: { type: 3, level: 1, fields: { node: text, epoch: wide } },

  /** A session of the session dialect. `secretHash`: 16 bytes, hex. */
  open: {
    type: 4,
    level: 1,
    fields: { ...opening, clientId: text, leaseMs: varint, lingerMs: varint, secretHash: text, identity },
  },

  /** A classic connection: session and lock in one command. If the lock is refused the session is ended with the same command. */
  openClassic: {
    type: 5,
    level: 1,
    fields: {
      ...opening,
      clientId: text,
      ...lockRequest,
      amount: since(2, signed, EXCLUSIVE),
      limit: since(2, varint, 0),
    },
  },

  resume: {
    type: 6,
    level: 1,
    fields: {
      ...opening,
      session: wide,
      secretHash: text,
      /** Higher with every `resume` that the client sends; 0 if it does not count. One not higher than the last applied does nothing. */
      attempt: varint,
      identity,
      /** The node has no auth file: whoever knows the secret may resume. */
      asAnyone: since(2, bool, true),
    },
  },

  /** One exclusive lock. A cluster of level 2 has `ask`. */
  lock: { type: 7, level: 1, fields: { ...numbered, request: signed, ...lockRequest } },

  /** `token` 0: whatever token this session holds the name under. */
  release: {
    type: 8,
    level: 1,
    fields: {
      ...numbered,
      request: signed,
      name: text,
      token: wide,
      /** Sets the done-mark that the hold was asked with, in the same entry. */
      done: since(2, bool, false),
      wallMs: since(2, wide, 0),
    },
  },

  /** The waiting request `target` of this session ends as not granted, reason cancelled. */
  cancel: { type: 9, level: 1, fields: { ...numbered, request: signed, target: signed } },

  /** Rule 11: the node that has the connection counted the wait of request `target` to its end. */
  waitTimeout: { type: 10, level: 1, fields: { ...numbered, target: signed } },

  /** Only acknowledges (`ack` of the header) when no other command is under way to carry it. */
  ack: { type: 11, level: 1, fields: numbered },

  /** `bye`, the end of a classic connection, a FIN with linger 0. Not numbered: it ends whatever was proposed before it. */
  end: {
    type: 12,
    level: 1,
    fields: {
      ...attachment,
      /** The client said `bye`: what it held leaves no delay. */
      bye: since(2, bool, true),
      wallMs: since(2, wide, 0),
    },
  },

  /** Rule 4. `fin`: for `linger`; otherwise for the larger of lease and linger. Not numbered. */
  detach: {
    type: 13,
    level: 1,
    fields: {
      ...attachment,
      fin: bool,
      wallMs: since(2, wide, 0),
      /** For the lease, whatever `linger` says: its client may come back no more, and must only have stopped to believe. */
      leaseOnly: since(2, bool, false),
    },
  },

  /** The leader counted the detached time of this attach count to its end. */
  expireSession: { type: 14, level: 1, fields: { session: wide, attach: varint, wallMs: since(2, wide, 0) } },

  /** Rule 11 for a detached session: the leader counted. */
  detachedWaitTimeout: { type: 15, level: 1, fields: { session: wide, attach: varint, target: signed } },

  /** Sweeps a slice of what ended epochs left behind; proposed by the leader while `sweepPending()`. */
  sweep: { type: 16, level: 1, fields: {} },

  /** The first claim of a member's Raft id by a directory wins; another uid is a wiped or copied directory. */
  claimMember: { type: 17, level: 1, fields: { raftId: varint, memberUid: text } },

  /** The leader counted a lock's delay to its end; does nothing unless the lock is still delayed since the hold with `token`. */
  delayOver: { type: 18, level: 1, fields: { name: text, token: wide } },

  /**
   * Rule 4: so much of a detached session's time is left, by the leader's count. Lets the next leader go on from there. The
   * smaller value counts: elapsed time is counted too little at most.
   */
  left: { type: 19, level: 1, fields: { session: wide, attach: varint, leftMs: varint } },

  /** The same for a lock that nobody gets for a while. */
  delayLeft: { type: 20, level: 1, fields: { name: text, token: wide, leftMs: varint } },

  /**
   * Rule 11: so much of its waits is left to a session, by the count of whoever had to count until now: the node that had the
   * connection when the session leaves it, the leader when it comes back. The state keeps the smaller, so that a wait of 3 s
   * is over after 3 s, however often the client resumes. Lost or late it leaves too much, never too little. Not numbered.
   */
  waitsLeft: { type: 21, level: 1, fields: { session: wide, attach: varint, waits: list(waitLeft) } },

  /**
   * The cluster's feature level becomes `to`. Does nothing unless it is `expected`, `to` is one more, no hold stands, and every
   * member of every configuration in force has a live current epoch whose program has that level (rules.md, Versions).
   */
  setLevel: { type: 22, level: 1, fields: { to: varint, expected: varint } },

  /** The operator's word: while `held`, the level stays. */
  holdLevel: { type: 23, level: 1, fields: { held: bool } },

  // ---- level 2

  /** Asks for one or several names, all or nothing. */
  ask: { type: 24, level: 2, fields: { ...numbered, request: signed, asks: list(ask), ...askTerms } },

  /**
   * Ends a loose hold that the asker's identity took; `token` 0 if there is but one. With a session (`owner`) and its secret only
   * a hold that this one took, under whichever identity. `ofAnyone`: as `keepsAnyones`.
   */
  unlock: {
    type: 25,
    level: 2,
    fields: {
      ...numbered,
      request: signed,
      name: text,
      token: wide,
      owner: wide,
      secretHash: text,
      ofAnyone: bool,
      wallMs: wide,
    },
  },

  /** The leader counted one of a hold's times to its end: `clock` is a number of `HOLD_CLOCKS`. */
  timeOver: { type: 26, level: 2, fields: { name: text, token: wide, clock: varint, wallMs: wide } },

  /** So much of it is left, by the leader's count; the smaller value counts. */
  timeLeft: { type: 27, level: 2, fields: { name: text, token: wide, clock: varint, leftMs: varint } },

  /**
   * Rule 12: whoever held under this token cannot believe so any more. Counted by the node that has the session's connection,
   * by the leader while it is detached; under another attach count the counting began again, and the command does nothing.
   */
  letGo: { type: 28, level: 2, fields: { name: text, token: wide, session: wide, attach: varint } },

  /** Breaks the hold with this token. `now`: it is passed on at once, though its holder may not know yet. */
  forceRelease: {
    type: 29,
    level: 2,
    fields: { ...numbered, request: signed, name: text, token: wide, reason: text, now: bool, wallMs: wide },
  },

  /** Sets and pins the limit of a semaphore; 0 takes the pin away. */
  resize: { type: 30, level: 2, fields: { ...numbered, request: signed, name: text, limit: varint } },

  /**
   * Names that begin with `prefix` get no new hold. `untilWallMs` 0: until `thaw`. `isOver`: by the clock of the node that was
   * asked that time has passed. Such a freeze is refused here and not by that node, so that its repeat is refused as well.
   */
  freeze: {
    type: 31,
    level: 2,
    fields: { ...numbered, request: signed, prefix: text, untilWallMs: wide, isOver: bool, reason: text, wallMs: wide },
  },

  thaw: { type: 32, level: 2, fields: { ...numbered, request: signed, prefix: text } },

  /** By the leader's wall clock the freeze with this `generation` has ended. */
  freezeOver: { type: 33, level: 2, fields: { prefix: text, generation: wide } },

  /** Takes a done-mark away. */
  forget: { type: 34, level: 2, fields: { ...numbered, request: signed, key: text } },

  /** By the leader's wall clock the done-mark with this `generation` has ended. */
  markOver: { type: 35, level: 2, fields: { key: text, generation: wide } },
} as const satisfies Table

// ------------------------------------------------------------------------------------- what follows from the table

export type CommandName = keyof typeof COMMANDS

/** The command of a table with this name. */
export type CommandOf<T extends Table, N extends keyof T> = { readonly type: T[N]['type'] } & Values<T[N]['fields']>

export type CommandNamed<N extends CommandName> = CommandOf<typeof COMMANDS, N>

export type Command = { [N in CommandName]: CommandNamed<N> }[CommandName]

export type CommandType = Command['type']

/** The numbers by name: `{ type: CommandType.sweep }`. */
export const CommandType = Object.fromEntries(Object.entries(COMMANDS).map(([name, { type }]) => [name, type])) as {
  readonly [N in CommandName]: (typeof COMMANDS)[N]['type']
}

export type NodeUp = CommandNamed<'nodeUp'>
export type NodeDown = CommandNamed<'nodeDown'>
export type ExpireNode = CommandNamed<'expireNode'>
export type Open = CommandNamed<'open'>
export type OpenClassic = CommandNamed<'openClassic'>
export type Resume = CommandNamed<'resume'>
export type Lock = CommandNamed<'lock'>
export type Release = CommandNamed<'release'>
export type Cancel = CommandNamed<'cancel'>
export type End = CommandNamed<'end'>
export type Detach = CommandNamed<'detach'>
export type ExpireSession = CommandNamed<'expireSession'>
export type DetachedWaitTimeout = CommandNamed<'detachedWaitTimeout'>
export type ClaimMember = CommandNamed<'claimMember'>
export type Left = CommandNamed<'left'>
export type WaitsLeft = CommandNamed<'waitsLeft'>
export type SetLevel = CommandNamed<'setLevel'>
export type HoldLevel = CommandNamed<'holdLevel'>
export type AskCommand = CommandNamed<'ask'>
export type Unlock = CommandNamed<'unlock'>
export type ForceRelease = CommandNamed<'forceRelease'>
export type Freeze = CommandNamed<'freeze'>
export type LetGo = CommandNamed<'letGo'>

/** The times of a hold that the leader counts: after an unclean end, since the grant, and until it ends. Their numbers are in the log. */
export const HOLD_CLOCKS = ['delay', 'minHold', 'ttl'] as const
export type HoldClock = (typeof HOLD_CLOCKS)[number]
