/** Faults of TLS at the ports of a node, of relays' headers, and of what certificates prove. */
import { edit, type Mutant } from '../mutant.js'

const TLS_SERVER = 'src/sockets/tls/tls-server.ts'
const HANDSHAKES = 'src/sockets/handshakes.ts'
const CLIENT_SOCKET = 'src/server/sockets/tcp-client-socket.ts'
const CREDENTIALS = 'src/server/tls/credential-files.ts'

const own = { rule: 'own', killers: ['tests'] } as const
const ends = { rule: 'rule 5', killers: ['tests'], tests: ['test/sockets/tls.test.ts'] } as const
const strangers = { ...own, tests: ['test/sockets/handshakes.test.ts'] } as const
const peers = { ...own, tests: ['test/server/tls/peers.test.ts'] } as const
const files = { ...own, tests: ['test/server/tls/credential-files.test.ts'] } as const

export const TLS_MUTANTS: readonly Mutant[] = [
  {
    ...ends,
    id: 'T800',
    title: 'a FIN behind bytes that are no TLS is believed',
    edits: [edit(TLS_SERVER, "socket.on('error', () => socket.destroy())", "socket.on('error', () => undefined)")],
  },
  {
    ...ends,
    id: 'T801',
    title: 'an EPIPE tells of a FIN over TLS too',
    edits: [edit(CLIENT_SOCKET, "return this.#isPlain && hasCode(error, 'EPIPE')", "return hasCode(error, 'EPIPE')")],
  },
  {
    ...ends,
    id: 'T802',
    title: 'a certificate that nobody verified names the client',
    edits: [
      edit(
        'src/sockets/tls/subject.ts',
        'if (!(socket instanceof TLSSocket) || !socket.authorized) return null',
        'if (!(socket instanceof TLSSocket)) return null',
      ),
    ],
  },
  {
    ...ends,
    id: 'T803',
    title: 'new credentials are read and not used',
    edits: [edit(TLS_SERVER, 'credentials.onChange((now) => this.#server.setSecureContext(contextOf(now)))', '')],
  },
  {
    ...ends,
    id: 'T920',
    title: 'over TLS a client that half-closes is not answered',
    edits: [
      edit(
        TLS_SERVER,
        "socket.on('error', () => socket.destroy())",
        "socket.on('error', () => socket.destroy())\n    socket.on('end', () => socket.destroy())",
      ),
    ],
  },
  {
    ...ends,
    id: 'T921',
    title: 'over TLS the end of a client is never its word',
    edits: [
      edit(
        CLIENT_SOCKET,
        'if (error && !this.#tellsOfFin(error)) return',
        'if (!this.#isPlain || (error && !this.#tellsOfFin(error))) return',
      ),
    ],
  },
  {
    ...strangers,
    id: 'T804',
    title: "a relay's health check has the rights of this machine",
    edits: [
      edit(
        HANDSHAKES,
        'client !== null && isLoopbackHost(client.host) && isLoopbackHost(this.address)',
        '(client === null || isLoopbackHost(client.host)) && isLoopbackHost(this.address)',
      ),
    ],
  },
  {
    ...strangers,
    id: 'T818',
    title: "a client on a relay's machine has the rights of this one",
    edits: [
      edit(HANDSHAKES, 'isLoopbackHost(client.host) && isLoopbackHost(this.address)', 'isLoopbackHost(client.host)'),
    ],
  },
  {
    ...strangers,
    id: 'T805',
    title: 'a handshake may take as long as it likes',
    edits: [
      edit(HANDSHAKES, "after(HANDSHAKE_MAX_MS, () => this.giveUp('the TLS", "after(1e9, () => this.giveUp('the TLS"),
    ],
  },
  {
    ...strangers,
    id: 'T806',
    title: 'strangers may be as many as they like',
    edits: [edit(HANDSHAKES, '> this.terms.maxCount', '> 1_000 * this.terms.maxCount')],
  },
  {
    ...strangers,
    id: 'T807',
    title: 'a flood of handshakes has the processor to itself',
    edits: [edit(HANDSHAKES, 'while (this.#begunCount < HANDSHAKES_AT_ONCE_COUNT)', 'while (this.#begunCount < 1e9)')],
  },
  {
    ...strangers,
    id: 'T808',
    title: 'whoever comes from a relay without a header is served',
    edits: [
      edit(
        HANDSHAKES,
        "if (read === 'malformed') this.giveUp('a relay (--proxy-from) that sends no PROXY header')",
        "if (read === 'malformed') this.#openPlain()",
      ),
    ],
  },
  {
    ...own,
    id: 'T809',
    title: "a header's port is read from the wrong place",
    edits: [
      edit(
        'src/sockets/proxy/proxy-header.ts',
        'readUInt16BE(2 * addressBytes)',
        'readUInt16BE(2 * addressBytes + PORT_BYTES)',
      ),
    ],
    tests: ['test/sockets/proxy-header.test.ts'],
  },
  {
    ...peers,
    id: 'T810',
    title: 'a peer needs no certificate',
    edits: [edit(TLS_SERVER, 'this.terms.needsCertificate && subjectOfSocket(socket) === null', 'false')],
  },
  {
    ...peers,
    id: 'T811',
    title: "another node's certificate does as well",
    edits: [
      edit(
        'src/raft/net/peer-certificate.ts',
        'if (isNamed(clusterName, nodeId, subject)) return null',
        'if (isNamed(clusterName, nodeId, subject) || nodeId !== "") return null',
      ),
    ],
  },
  {
    ...peers,
    id: 'T812',
    title: 'a node of another cluster comes in by its DNS name',
    edits: [
      edit(
        'src/raft/net/peer-certificate.ts',
        'clusterName === null ? dnsNames.includes(nodeId)',
        'dnsNames.includes(nodeId) ? true',
      ),
    ],
  },
  {
    ...peers,
    id: 'T813',
    title: 'a node speaks to whomever it dialled before it knows the certificate',
    edits: [
      edit(
        'src/sockets/tls/dialled-stream.ts',
        "    tls.once('secureConnect', () => this.#secured(tls))\n",
        '    this.#secured(tls)\n',
      ),
    ],
  },
  {
    ...own,
    id: 'T814',
    title: 'who is no member comes in at a node that does not lead',
    edits: [
      edit(
        'src/raft/node/membership/peer-verdict.ts',
        "if (!self.admitsOnlyMembers || knowledge === 'alone') return accept",
        'if (!self.leads) return accept',
      ),
    ],
    tests: ['test/raft/node/peer-verdict.test.ts'],
  },
  {
    ...peers,
    id: 'T922',
    title: 'a handshake between peers has no more time than the connection below it',
    edits: [
      edit('src/raft/net/peer-connection.ts', 'if (this.#tcp.connecting === false)', 'if (TLS_TIMEOUT_MS === 0)'),
    ],
  },
  {
    ...files,
    id: 'T815',
    title: 'a new certificate that has expired takes the place of a good one',
    edits: [
      edit(CREDENTIALS, 'loaded.expiry.notAfterMs <= this.options.clock.wallNow()', 'loaded.expiry.notAfterMs < 0'),
    ],
  },
  {
    ...files,
    id: 'T816',
    title: 'of several certificates the last to expire is told',
    edits: [edit(CREDENTIALS, 'one.notAfterMs < first.notAfterMs', 'one.notAfterMs > first.notAfterMs')],
  },
  {
    ...files,
    id: 'T817',
    title: 'a key that belongs to another certificate is taken',
    edits: [
      edit(
        CREDENTIALS,
        '!own.checkPrivateKey(privateKeyOf(flags.key, keyFile, key))',
        'privateKeyOf(flags.key, keyFile, key) === null',
      ),
    ],
  },
  {
    ...ends,
    id: 'T960',
    title: 'who ends in its TLS handshake keeps its place until the time is over',
    edits: [edit(TLS_SERVER, 'tcp.allowHalfOpen = false', 'tcp.allowHalfOpen = true')],
  },
  {
    ...ends,
    id: 'T961',
    title: 'a client that is done and waits gets no answer over TLS',
    edits: [edit(TLS_SERVER, 'socket.allowHalfOpen = true', '')],
  },
  {
    ...own,
    id: 'T963',
    title: 'why a peer cannot be reached is told once, though the reason changes',
    edits: [
      edit(
        'src/raft/net/peer-link.ts',
        'this.#toldReasons.size < UNREACHABLE_REASONS_COUNT',
        'this.#toldReasons.size < 1',
      ),
    ],
    tests: ['test/raft/net/hostile.test.ts'],
  },
  {
    ...peers,
    id: 'T964',
    title: 'a TLS handshake at a node without certificates is told as a fragment of 16 MB',
    edits: [edit('src/raft/net/frame.ts', "looksLikeTls(bytes, 'peer') === true", 'false')],
  },
]
