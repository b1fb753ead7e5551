/**
 * Plain text, or TLS: over what the nodes, the programs and the bare clients of the kit speak. One variable turns all of them
 * (`npm run e2e-tls`); tests whose way differs over TLS run over both in any case.
 */
import { once } from 'node:events'
import type { Agent as HttpsAgent } from 'node:https'
import { connect, type Socket } from 'node:net'

export type Transport = 'plain' | 'tls'

/** Of everything that does not say which one. */
export const TRANSPORT: Transport = process.env.TEST_OVER_TLS === '1' ? 'tls' : 'plain'
/** For `describe.each`, with servers that were started with `bothTransports()`. */
export const TRANSPORTS: readonly Transport[] = TRANSPORT === 'tls' ? ['tls'] : ['plain', 'tls']

// Whoever needs no certificates shall not wait until they are made.
const loadCertificates = () => import('./certificates.js')
const certificates = TRANSPORT === 'tls' ? await loadCertificates() : null
/** Programs, and the library in the process of a test, read it where they are told nothing else. */
if (certificates !== null) process.env.TNL_TLS_CA = certificates.certificateFile('ca.pem')

/** Further words for a server that takes plain text and TLS on its ports of clients; none where TLS is all that there is. */
export async function bothTransports(): Promise<readonly string[]> {
  if (certificates !== null) return []
  const { certificateFile } = await loadCertificates()
  return ['--tls', 'optional', '--tls-cert', certificateFile('node.pem'), '--tls-key', certificateFile('node.key')]
}

/** The words of a server, with those that make it speak TLS alone to clients and peers, unless they speak of that themselves. */
export function serverWords(words: readonly string[]): readonly string[] {
  if (certificates === null) return words
  const { certificateFile } = certificates
  const [cert, key, ca] = [certificateFile('node.pem'), certificateFile('node.key'), certificateFile('ca.pem')]
  const says = (flag: string): boolean => words.includes(flag) || words.includes(`${flag}-cert`)
  return [
    ...words,
    ...(says('--tls') ? [] : ['--tls-cert', cert, '--tls-key', key]),
    ...(says('--peer-tls') ? [] : ['--peer-tls-cert', cert, '--peer-tls-key', key, '--peer-tls-ca', ca]),
  ]
}

/** Variables for a program, over those of this process. */
export async function clientVariables(transport: Transport): Promise<Record<string, string>> {
  return transport === 'tls' ? { TNL_TLS_CA: (await loadCertificates()).certificateFile('ca.pem') } : {}
}

export interface Dialled {
  /** What is spoken over. */
  readonly stream: Socket
  /** Below it, or the same. */
  readonly tcp: Socket
}

/** To a port of this host; `host`: by another of its addresses. The ends of the connection are ends of one direction. */
export async function dial(port: number, transport: Transport, host = '127.0.0.1'): Promise<Dialled> {
  const tcp = connect({ host, port, allowHalfOpen: true, noDelay: true })
  await once(tcp, 'connect')
  if (transport === 'plain') return { stream: tcp, tcp }
  const [{ connect: secure }, { certificateText }] = await Promise.all([import('node:tls'), loadCertificates()])
  const stream = secure({ socket: tcp, ca: certificateText('ca.pem'), servername: 'localhost' })
  // Whatever ends it before the handshake is over.
  tcp.once('close', () => stream.destroy(new Error(`no TLS at port ${port}`)))
  await once(stream, 'secureConnect')
  return { stream, tcp }
}

let agent: HttpsAgent | undefined

/** What the HTTP port of a node answers. */
export async function fetchFrom(port: number, path: string, init: RequestInit = {}): Promise<Response> {
  if (certificates === null) return fetch(`http://127.0.0.1:${port}${path}`, init)
  const { headers, signal } = init
  const { Agent, request } = await import('node:https')
  // As `fetch` does it: a test that asks every few milliseconds shall not keep the machine busy with handshakes.
  agent ??= new Agent({ keepAlive: true, ca: certificates.certificateText('ca.pem') })
  const asked = request({
    ...{ host: '127.0.0.1', port, path, agent },
    headers: Object.fromEntries(new Headers(headers)),
    ...(signal && { signal }),
  })
  asked.end()
  const [answer] = await once(asked, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return new Response(Buffer.concat(chunks), { status: answer.statusCode, headers: answer.headers })
}
