/** Every limit of the sockets ring, with its unit in its name. */

/** Connections of one port before their first line: PROXY header and TLS handshake. Each costs a descriptor and some 50 KB. */
export const HANDSHAKES_MAX_COUNT = 256
export const HTTP_HANDSHAKES_MAX_COUNT = 64
export const PEER_HANDSHAKES_MAX_COUNT = 64
/** A PROXY header or a TLS handshake that takes longer is given up: several round trips around the world and a busy machine. */
export const HANDSHAKE_MAX_MS = 10_000
/** On a port for both, a client that may be a person at a terminal has this long to say its first byte. */
export const FIRST_BYTE_MAX_MS = 60_000
/** Peers that speak plainly do so at once; one that only listens is greeted after this, where both are let in. */
export const PEER_FIRST_BYTE_MAX_MS = 500
/** Signing costs a millisecond of the one thread that serves: so many begin in one go … */
export const HANDSHAKES_AT_ONCE_COUNT = 2
/** … and the next ones so much later, so that a flood of strangers takes a part of one processor, never all of it. */
export const HANDSHAKE_PAUSE_MS = 2

/** Version 1: as the specification has it, line end included. */
export const PROXY_LINE_MAX_BYTES = 107
/** Version 2: addresses take at most 216, what relays add (a certificate's name, say) some hundred more. */
export const PROXY_HEADER_MAX_BYTES = 4_096

/** A whole chain of certificates is some 10 KB, a bundle of all public authorities 250. */
export const PEM_FILE_MAX_BYTES = 1_048_576
/** Addresses of peers that did not speak TLS at the last try; more are simply tried over TLS again. */
export const REMEMBERED_PLAIN_MAX_COUNT = 64
