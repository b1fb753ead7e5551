/** The file of `--peer-secret-file`: one secret a line. The first one proves, all are accepted; read again when it changes. */
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../../platform.js'
import type { PeerSecrets } from '../../raft/net/peer-secret.js'
import { UsageError } from '../exit-codes.js'
import {
  PEER_SECRET_FILE_MAX_BYTES,
  PEER_SECRET_MIN_CHARS,
  PEER_SECRET_REREAD_MS,
  PEER_SECRETS_MAX,
} from '../limits.js'

export interface PeerSecretOptions {
  readonly file: string
  readonly isRequired: boolean
  readonly clock: Pick<Clock, 'takerNow'>
  warn(message: string): void
}

export class PeerSecretFile implements PeerSecrets {
  readonly isRequired: boolean
  #secrets: readonly Uint8Array[]
  #seen: string
  #lookedAtMs: number

  /** Throws UsageError if the file cannot be read or has no good secret. */
  constructor(private readonly options: PeerSecretOptions) {
    this.isRequired = options.isRequired
    this.#lookedAtMs = options.clock.takerNow()
    try {
      this.#seen = fingerprint(options.file)
      this.#secrets = readSecrets(options.file)
    } catch (error) {
      throw new UsageError(`--peer-secret-file ${options.file}: ${describe(error)}`)
    }
  }

  /** Looks again and again, so that the log tells an operator when every node has read a new file. Ends with the process. */
  watch(clock: Pick<Clock, 'after'>): void {
    clock.after(PEER_SECRET_REREAD_MS, () => {
      this.current()
      this.watch(clock)
    })
  }

  /** Looks at the file at most once a second: anybody who can reach the peer port decides how often this is called. */
  current(): readonly Uint8Array[] {
    const nowMs = this.options.clock.takerNow()
    if (nowMs - this.#lookedAtMs >= PEER_SECRET_REREAD_MS) {
      this.#lookedAtMs = nowMs
      this.#lookAgain()
    }
    return this.#secrets
  }

  /** A file that is bad now changes nothing: a slip of the hand must not cost a quorum. */
  #lookAgain(): void {
    const { file, warn } = this.options
    let seen = 'unreadable'
    try {
      seen = fingerprint(file)
      if (seen === this.#seen) return
      this.#secrets = readSecrets(file)
      warn(`--peer-secret-file ${file} has changed: ${this.#secrets.length} secrets are accepted now`)
    } catch (error) {
      if (seen !== this.#seen)
        warn(`--peer-secret-file ${file}: ${describe(error)}; the secrets from before stay in force`)
    }
    this.#seen = seen
  }
}

/** Kubernetes changes a mounted secret by another link to another file: the inode tells. */
function fingerprint(file: string): string {
  const { ino, size, mtimeMs } = statSync(file)
  return `${ino} ${size} ${mtimeMs}`
}

function readSecrets(file: string): readonly Uint8Array[] {
  if (statSync(file).size > PEER_SECRET_FILE_MAX_BYTES) throw new Error('is too long for a list of secrets')
  const lines = readFileSync(file, 'utf8').split('\n')
  const secrets = lines.map((line) => line.trim()).filter((line) => line !== '')
  if (secrets.length === 0) throw new Error('has no secret in it')
  if (secrets.length > PEER_SECRETS_MAX) throw new Error(`has more than ${PEER_SECRETS_MAX} secrets`)
  // Somebody who has one connection can guess at home; so short ones are no secrets.
  const short = secrets.findIndex((secret) => secret.length < PEER_SECRET_MIN_CHARS)
  if (short !== -1) {
    throw new Error(
      `secret ${short + 1} has fewer than ${PEER_SECRET_MIN_CHARS} characters (make one: openssl rand -base64 32)`,
    )
  }
  return secrets.map((secret) => Buffer.from(secret))
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
