/** The file of `--peer-secret-file`: one secret a line. The first one proves, all are accepted; read again when it changes. */
import type { PeerSecrets } from '../../raft/net/peer-secret.js'
import { UsageError } from '../exit-codes.js'
import { PEER_SECRET_FILE_MAX_BYTES, PEER_SECRET_MIN_CHARS, PEER_SECRETS_MAX } from '../limits.js'
import { readBounded } from './bounded-file.js'
import type { WatchedSet } from './watched-files.js'

export interface PeerSecretOptions {
  readonly file: string
  readonly isRequired: boolean
  warn(message: string): void
}

export class PeerSecretFile implements PeerSecrets, WatchedSet {
  readonly isRequired: boolean
  readonly files: readonly string[]
  #secrets: readonly Buffer[]
  /** Why the newest file is bad, and the secrets from before are in force; empty: it is not. */
  #problem = ''

  private constructor(
    private readonly options: PeerSecretOptions,
    secrets: readonly Buffer[],
  ) {
    this.isRequired = options.isRequired
    this.files = [options.file]
    this.#secrets = secrets
  }

  /** Rejects with UsageError if the file cannot be read or has no good secret. */
  static async open(options: PeerSecretOptions): Promise<PeerSecretFile> {
    try {
      return new PeerSecretFile(options, await readSecrets(options.file))
    } catch (error) {
      throw new UsageError(`--peer-secret-file ${options.file}: ${describe(error)}`)
    }
  }

  current(): readonly Uint8Array[] {
    return this.#secrets
  }

  /** A file that is bad now changes nothing: a slip of the hand must not cost a quorum. An operator is told of each new one. */
  async reload(): Promise<boolean> {
    const { file, warn } = this.options
    try {
      const secrets = await readSecrets(file)
      const isSame =
        secrets.length === this.#secrets.length && secrets.every((one, at) => this.#secrets[at]?.equals(one))
      this.#problem = ''
      this.#secrets = secrets
      if (!isSame) warn(`--peer-secret-file ${file} has changed: ${secrets.length} secrets are accepted now`)
      return true
    } catch (error) {
      const problem = describe(error)
      if (problem !== this.#problem) {
        warn(`--peer-secret-file ${file}: ${problem}; the secrets from before stay in force`)
      }
      this.#problem = problem
      return false
    }
  }
}

async function readSecrets(file: string): Promise<readonly Buffer[]> {
  const lines = (await readBounded(file, PEER_SECRET_FILE_MAX_BYTES)).toString('utf8').split('\n')
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
