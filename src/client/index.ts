/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/** The public exports of the package `tcpnetlock`. */
export { Client, type ClientOptions, connect, type TryAcquireOptions } from './client.js'
export {
  AlreadyDoneError,
  ClassicServerError,
  ClientClosedError,
  DeadlockError,
  type EndpointFailure,
  InvalidOptionError,
  LockLostError,
  type LostReason,
  NoEndpointError,
  NoQuorumError,
  type NotGrantedDetails,
  NotGrantedError,
  type NotGrantedReason,
  RefusedError,
  SessionExpiredError,
  TcpNetLockError,
} from './errors.js'
export { type Hold, Lock, type LockState, type ReleaseOptions } from './lock.js'
export type { AcquireOptions } from './terms.js'
