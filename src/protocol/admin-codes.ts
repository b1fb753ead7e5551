/** `err,code:C` of administration lines, beside the codes of error-codes.ts: why an operation was not begun or not seen through. */

interface AdminCode {
  /** Whether the same request may succeed a little later, with nobody doing anything. */
  readonly again: boolean
}

export const ADMIN_CODES = {
  /** The node lacks too much of the log to become a voter. */
  behind: { again: true },
  /** Another membership change is under way. */
  'change-under-way': { again: true },
  /** A bug: the log of the leader says more. */
  failed: { again: false },
  /** The members as they are do not allow it. */
  'impossible-change': { again: false },
  /** The node that was asked does not lead, or has only just begun to. */
  'not-leader': { again: true },
  'not-member': { again: false },
  /** The other node did not take over within an election timeout. */
  'not-taken-over': { again: true },
  'not-voter': { again: false },
  /** Voters that cannot be reached would be half of those that are left. */
  'quorum-at-risk': { again: false },
  /** It was begun and nobody knows what became of it: `.members` tells. */
  unconfirmed: { again: true },
  /** The leader has no connection to that node. */
  unreachable: { again: true },
} as const satisfies Readonly<Record<string, AdminCode>>

export type AdminCodeName = keyof typeof ADMIN_CODES

/** False too for a code that is not of administration. */
export function mayPass(code: string): boolean {
  return Object.hasOwn(ADMIN_CODES, code) && ADMIN_CODES[code as AdminCodeName].again
}
