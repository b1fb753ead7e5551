/** `tnl token new ID`: a token, which is shown once, and the line with its hash for the auth file. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { sha256 } from '../../digest.js'
import { isIdentity, NO_IDENTITY_TEXT } from '../../server/access/identity.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'

export interface NewTokenOptions {
  /** Where the token goes; undefined: stdout. */
  readonly out?: string
  readonly json?: boolean
}

const TOKEN_BYTES = 32
/** So that scanners for secrets know one when they see it (docs/operations/access.md). */
const TOKEN_PREFIX = 'tnl_'
/** Letters and digits alone: a double click marks all of it, and no shell or URL minds it. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 62^43 is a little more than 2^256. */
const DIGITS = 43
const FILE_MODE = 0o600

export function newToken(bytes: Uint8Array = randomBytes(TOKEN_BYTES)): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let digits = ''
  for (let at = 0; at < DIGITS; at += 1) {
    digits = (ALPHABET[Number(rest % 62n)] ?? '') + digits
    rest /= 62n
  }
  return TOKEN_PREFIX + digits
}

export function printNewToken(id: string, { out, json }: NewTokenOptions): void {
  if (!isIdentity(id)) throw new CommandFailure(TnlExit.usage, `${id}: ${NO_IDENTITY_TEXT}`)
  const token = newToken()
  const hash = `sha256:${sha256(token).toString('hex')}`
  if (out !== undefined) writeToken(out, token)
  const shown = out === undefined ? { token } : { file: out }
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ identity: id, hash, ...shown })}\n`)
    return
  }
  const day = new Date().toISOString().slice(0, 10)
  const where = out === undefined ? `${token}\n\nThis is shown once.` : `The token is in ${out}.`
  process.stdout.write(
    `${where} The line for the auth file, under identities, ${id}, tokens:\n\n      - ${hash}   # ${day}\n`,
  )
}

/** Never over what is there: somebody may still need that token. */
function writeToken(file: string, token: string): void {
  try {
    writeFileSync(file, `${token}\n`, { flag: 'wx', mode: FILE_MODE })
  } catch (error) {
    throw new CommandFailure(TnlExit.failed, `--out ${file}: ${explain(error)}`)
  }
}
