/**
 * The peer secret (rules.md, Peer secret): both sides prove that they know it before either judges what the other said, with TLS
 * or without. It keeps strangers out; it neither hides nor protects what is said afterwards.
 *
 * Each side sends 16 fresh random bytes in its hello, and its proof is an HMAC over both hellos as they were sent. So a
 * proof is useless on any other connection, and nothing in a hello can be altered on the way. The listener proves first: a
 * node that dials a wrong address gives nothing away.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

const LABEL = 'tnl peer 1'

/** Whose proof it is. A part of what is proved, so that a proof cannot be sent back to its maker. */
export const Side = { listener: 'listener', dialler: 'dialler' } as const
export type Side = (typeof Side)[keyof typeof Side]

export interface PeerSecrets {
  /** False: a peer without a secret is let in too, while a cluster is being given one. */
  readonly isRequired: boolean
  /** As they are now: the first one proves, all are accepted. Never empty. */
  current(): readonly Uint8Array[]
}

/** Both hellos, byte for byte. */
export interface Hellos {
  readonly listener: Uint8Array
  readonly dialler: Uint8Array
}

export function prove(secrets: PeerSecrets, side: Side, hellos: Hellos): Uint8Array {
  const [first] = secrets.current()
  return first === undefined ? new Uint8Array(0) : hmac(first, side, hellos)
}

export function isProved(secrets: PeerSecrets, side: Side, hellos: Hellos, proof: Uint8Array): boolean {
  let isRight = false
  for (const secret of secrets.current()) {
    const expected = hmac(secret, side, hellos)
    if (proof.length === expected.length && timingSafeEqual(proof, expected)) isRight = true
  }
  return isRight
}

/** Each part with its length: otherwise two other hellos could make the same bytes. */
function hmac(secret: Uint8Array, side: Side, { listener, dialler }: Hellos): Uint8Array {
  const mac = createHmac('sha256', secret).update(LABEL).update(side)
  for (const part of [listener, dialler]) {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(part.length)
    mac.update(length).update(part)
  }
  return mac.digest()
}
