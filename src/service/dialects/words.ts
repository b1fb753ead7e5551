/** The fixed words of the classic dialect, made once. */
export const Word = {
  ok: 'ok\n',
  notGranted: 'not-granted\n',
  released: 'released\n',
  alive: 'alive\n',
  pong: 'pong\n',
  badAction: 'bad-action\n',
  badRequest: 'bad-request\n',
  shuttingDown: 'shutting-down\n',
  lineTooLong: 'err,line too long\n',
  invalidLockName: 'err,invalid lock name\n',
  invalidClientId: 'err,invalid client id\n',
  shutdownNotAllowed: 'err,shutdown not allowed\n',
  /** In both dialects: what it was asked for cannot be written into the log. */
  unusable: 'err,code:bad-request,message:a%20value%20that%20cannot%20be%20stored\n',
  limit: 'err,limit\n',
  noQuorum: 'err,no quorum\n',
  /** Nothing was proposed: more waits already than can be stored soon. */
  busy: 'err,busy\n',
} as const
