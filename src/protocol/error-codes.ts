/** `err,code:C`: the codes of the session dialect. The message beside a code is for people; the code is stable. */
export const ERROR_CODES = [
  'bad-name',
  'bad-request',
  'busy',
  'deadlock',
  'frozen',
  'limit',
  'limit-mismatch',
  'no-quorum',
  'not-holder',
  'session-expired',
  'superseded',
  'unauthorized',
  'unsupported',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]
