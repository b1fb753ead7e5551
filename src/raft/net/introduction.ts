import type { Random } from '../../platform.js'
import { HELLO_NONCE_BYTES } from '../limits.js'
import { type PeerHello, type Refusal, RefusalCode } from '../ports/transport.js'
import { decodeHello, encodeHello, type HelloFrame, isRefusal, type SecretUse } from './handshake.js'
import { type Hellos, isProved, type PeerSecrets, prove, Side } from './peer-secret.js'

/** What the two ends of one connection say of themselves, and the proofs that they know the secret. */
export class Introduction {
  readonly #side: Side
  #own: Uint8Array = new Uint8Array(0)
  #theirs: { readonly payload: Uint8Array; readonly said: HelloFrame } | null = null

  constructor(
    private readonly isDialler: boolean,
    private readonly secrets: PeerSecrets | null,
    private readonly random: Random,
  ) {
    this.#side = isDialler ? Side.dialler : Side.listener
  }

  ownHello(hello: PeerHello): Uint8Array {
    this.#own = encodeHello({ hello, nonce: this.random.bytes(HELLO_NONCE_BYTES), secret: this.#use })
    return this.#own
  }

  /** The peer's hello, or why it is turned away unheard. Throws FrameError. */
  hear(payload: Uint8Array): HelloFrame | Refusal {
    const said = decodeHello(payload)
    if (isRefusal(said)) return said
    // The proof covers the bytes as they were sent, and the socket's chunk will be reused.
    this.#theirs = { payload: Uint8Array.from(payload), said }
    if (said.secret !== 'none' || this.secrets === null || !this.secrets.isRequired) return said
    return refusal('this node asks for a proof of the peer secret (--peer-secret-file), and the peer has none')
  }

  /** Both have a secret: nothing is believed before it is proved. */
  get isProofDue(): boolean {
    return this.secrets !== null && this.#theirs !== null && this.#theirs.said.secret !== 'none'
  }

  ownProof(): Uint8Array {
    return this.secrets === null ? new Uint8Array(0) : prove(this.secrets, this.#side, this.#hellos)
  }

  /** Null if the peer knows a secret of this node. */
  check(proof: Uint8Array): Refusal | null {
    const theirSide = this.isDialler ? Side.listener : Side.dialler
    if (this.secrets !== null && isProved(this.secrets, theirSide, this.#hellos, proof)) return null
    return refusal('the peer has another peer secret (--peer-secret-file)')
  }

  get #hellos(): Hellos {
    const theirs = this.#theirs?.payload ?? new Uint8Array(0)
    return this.isDialler ? { listener: theirs, dialler: this.#own } : { listener: this.#own, dialler: theirs }
  }

  get #use(): SecretUse {
    if (this.secrets === null) return 'none'
    return this.secrets.isRequired ? 'required' : 'optional'
  }
}

const refusal = (message: string): Refusal => ({ code: RefusalCode.secret, isFinal: false, message })
