/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/** The public exports of the package `tcpnetlock`. */
export { Client, connect, type Names, type RequestOptions, type TryAcquireOptions, type Work } from './client.js'
export type { ClientOptions } from './client-options.js'
export {
  AlreadyDoneError,
  ClassicServerError,
  ClientClosedError,
  DeadlockError,
  type EndpointFailure,
  InsecureConnectionError,
  InvalidOptionError,
  LockLostError,
  LockStateError,
  type LostReason,
  NoEndpointError,
  NoQuorumError,
  type NotGrantedDetails,
  NotGrantedError,
  type NotGrantedReason,
  RefusedError,
  SessionExpiredError,
  TcpNetLockError,
  TlsError,
  UnauthorizedError,
} from './errors.js'
export { type Hold, Lock, type LockState, type ReleaseOptions } from './lock.js'
export type { LockFilter } from './reads/asking.js'
export type { HolderInfo, ListedLock, LockInfo, LockMode, WaiterInfo } from './reads/lock-info.js'
export type { EventType, LockWatch, WatchEvent, WatchOptions, WatchTarget } from './reads/watch.js'
export type { ElectOptions, Leader } from './recipes/election.js'
export type { EphemeralLock, EphemeralOptions } from './recipes/ephemeral-lock.js'
export { type LocalLock, type LocalLockOptions, localLock } from './recipes/local-lock.js'
export type { Mutex, MutexOptions } from './recipes/mutex.js'
export type { OnceOutcome } from './recipes/once.js'
export type { CredentialOptions, TlsOptions } from './security/credential-options.js'
export type { TokenFunction } from './security/token-source.js'
export type { AcquireOptions } from './terms.js'
