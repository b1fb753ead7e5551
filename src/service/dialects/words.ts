/** The fixed words of the classic dialect, made once. */
import { neutral, plainError, positive } from '../../protocol/replies.js'

export const Word = {
  ok: positive('ok'),
  alive: positive('alive'),
  notGranted: neutral('not-granted'),
  released: neutral('released'),
  pong: neutral('pong'),
  badAction: neutral('bad-action'),
  badRequest: neutral('bad-request'),
  shuttingDown: neutral('shutting-down'),
  lineTooLong: plainError('line too long'),
  invalidLockName: plainError('invalid lock name'),
  invalidClientId: plainError('invalid client id'),
  shutdownNotAllowed: plainError('shutdown not allowed'),
  /** In both dialects: what it was asked for cannot be written into the log. */
  unusable: neutral('err', { code: 'bad-request', message: 'a value that cannot be stored' }),
  limit: plainError('limit'),
  noQuorum: plainError('no quorum'),
  /** Nothing was proposed: more waits already than can be stored soon. */
  busy: plainError('busy'),
} as const
