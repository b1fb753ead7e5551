/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/** The public exports of the package `tcpnetlock`. */
export { type AcquireOptions, Client, type ClientOptions, connect, type TryAcquireOptions } from './client.js'
export {
  ClassicServerError,
  ClientClosedError,
  DeadlockError,
  type EndpointFailure,
  InvalidOptionError,
  LockLostError,
  type LostReason,
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  type NotGrantedReason,
  RefusedError,
  SessionExpiredError,
  TcpNetLockError,
} from './errors.js'
export { Lock, type LockState } from './lock.js'
