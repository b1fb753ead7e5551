/** With which token a client says who it is, to whom, and what becomes of it when it is not known. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, connect } from '../../../src/client/client.js'
import type { ClientOptions } from '../../../src/client/client-options.js'
import { InvalidOptionError, UnauthorizedError } from '../../../src/client/errors.js'
import { credentialsOf, InvalidVariableError, warningOf } from '../../../src/client/security/credential-options.js'
import { Credentials } from '../../../src/client/security/credentials.js'
import { certificateFile } from '../../kit/certificates.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'

let cluster: FakeCluster
let node: FakeNode
let folder: string
const clients: Client[] = []

beforeEach(async () => {
  cluster = new FakeCluster()
  node = await cluster.addNode()
  folder = mkdtempSync(join(tmpdir(), 'tnl-token-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await cluster.close()
  rmSync(folder, { recursive: true })
})

async function connected(options: ClientOptions = {}): Promise<Client> {
  const client = await connect({ heartbeatThread: false, endpoints: node.address, ...options })
  clients.push(client)
  return client
}

const [HERE, ELSEWHERE] = [
  { host: '127.0.0.1', port: 1 },
  { host: '10.0.0.1', port: 1 },
]
const authIn = (env: Record<string, string>): string | undefined =>
  credentialsOf({ tls: {} }, env).authOn({ isSecure: true, remote: ELSEWHERE })

describe('the token', () => {
  it('goes with hello and with resume, and is asked for anew each time', async () => {
    let asked = 0
    await connected({
      token: async () => {
        asked += 1
        return `tnl_${asked}`
      },
    })
    expect(node.received[0]).toMatch(/^hello,.*,auth:tnl_1$/)
    for (const connection of node.connections) connection.reset()
    await node.until(() => node.received.some((line) => /^resume,.*,auth:tnl_2$/.test(line)))
  })

  it('of a function that fails later is the last that it gave', async () => {
    const answers = ['tnl_first']
    await connected({
      token: () => answers.shift() ?? Promise.reject(new Error('the vault is shut')),
    })
    for (const connection of node.connections) connection.reset()
    await node.until(() => node.received.some((line) => /^resume,.*,auth:tnl_first$/.test(line)))
  })

  it('of a function that fails at first is an error of that function', async () => {
    const error = await connected({ token: () => Promise.reject(new Error('the vault is shut')) }).catch(String)
    expect(error).toContain('the vault is shut')
    expect(node.received).toEqual([])
  })

  it('is told to whoever cannot be overheard, and to nobody else, unless that is allowed', () => {
    const credentials = credentialsOf({ tls: {}, token: { value: 'tnl_x', by: 'token' } }, {})
    expect(credentials.authOn({ isSecure: false, remote: HERE })).toBe('tnl_x')
    expect(credentials.authOn({ isSecure: true, remote: ELSEWHERE })).toBe('tnl_x')
    expect(() => credentials.authOn({ isSecure: false, remote: ELSEWHERE })).toThrow(/not sent in plain text/)
    const insecure = credentialsOf({ tls: {}, token: { value: 'tnl_x', by: 'token' }, insecureAuth: true }, {})
    expect(insecure.authOn({ isSecure: false, remote: ELSEWHERE })).toBe('tnl_x')
    expect(Credentials.NONE.authOn({ isSecure: false, remote: ELSEWHERE })).toBeUndefined()
  })
})

describe('the variables', () => {
  it('TNL_TOKEN_FILE counts before TNL_AUTH_TOKEN, and that before TNL_TOKEN', () => {
    const file = join(folder, 'token')
    writeFileSync(file, 'tnl_file\n')
    const [TNL_AUTH_TOKEN, TNL_TOKEN] = ['tnl_auth', 'tnl_plain']
    expect(authIn({ TNL_TOKEN_FILE: file, TNL_AUTH_TOKEN, TNL_TOKEN })).toBe('tnl_file')
    expect(authIn({ TNL_AUTH_TOKEN, TNL_TOKEN })).toBe('tnl_auth')
    expect(authIn({ TNL_TOKEN })).toBe('tnl_plain')
    expect(authIn({})).toBeUndefined()
  })

  it('TNL_TOKEN under a tnl-do is a fencing token, or several', () => {
    expect(authIn({ TNL_TOKEN: '1882875951579141' })).toBeUndefined()
    expect(authIn({ TNL_TOKEN: '1882875951579141 1882875951579142' })).toBeUndefined()
  })

  it.each<[string, Record<string, string>, boolean]>([
    ['nothing is said', {}, false],
    ['an authority is named', { TNL_TLS_CA: certificateFile('ca.pem') }, true],
    ['it is on', { TNL_TLS: 'on' }, true],
    ['it is off, whatever else is named', { TNL_TLS: 'off', TNL_TLS_CA: certificateFile('ca.pem') }, false],
    ['they are those of a node that requires it', { TNL_TLS: 'required' }, true],
    ['they are those of a node that takes both', { TNL_TLS: 'optional', TNL_TLS_CERT: '/etc/node.crt' }, false],
  ])('say whether TLS is spoken: %s', (_, env, isOn) => {
    expect(credentialsOf({ tls: {} }, env).usesTls).toBe(isOn)
  })
})

describe('what cannot be is named, and never quoted:', () => {
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const SECRET = 'do-not-tell'

  it.each<[string, () => Record<string, string>, RegExp]>([
    ['a variable with another word', () => ({ TNL_TLS: 'yes' }), /^TNL_TLS 'yes': on or off$/],
    ['a file that is not there', () => ({ TNL_TLS_CA: '/no/ca.pem' }), /^TNL_TLS_CA \/no\/ca.pem: ENOENT/],
    ['a folder', () => ({ TNL_TLS_CA: folder }), /^TNL_TLS_CA .*: EISDIR/],
    ['a file without a certificate', () => ({ TNL_TLS_CA: file('a', SECRET) }), /^TNL_TLS_CA .*: no certificate in it/],
    [
      'a certificate without its key',
      () => ({ TNL_TLS_CERT: certificateFile('client.pem') }),
      /^TNL_TLS_CERT: .*there is no key$/,
    ],
    [
      'a key that is none',
      () => ({ TNL_TLS_CERT: certificateFile('client.pem'), TNL_TLS_KEY: file('b', SECRET) }),
      /^TNL_TLS_KEY .*: no private key in it/,
    ],
    [
      'the key of another certificate',
      () => ({ TNL_TLS_CERT: certificateFile('client.pem'), TNL_TLS_KEY: certificateFile('node.key') }),
      /^TNL_TLS_CERT: key values mismatch$/,
    ],
    [
      'a token in the place of a file',
      () => ({ TNL_TOKEN_FILE: `tnl_${'a'.repeat(43)}` }),
      /^TNL_TOKEN_FILE: names a file, and has a token itself$/,
    ],
    ['an empty token', () => ({ TNL_TOKEN_FILE: file('c', ' \n') }), /^TNL_TOKEN_FILE .*: no token in it$/],
    [
      'more than a token',
      () => ({ TNL_TOKEN_FILE: file('d', `a: ${SECRET}`) }),
      /^TNL_TOKEN_FILE .*: more than a token/,
    ],
    ['a token of a megabyte', () => ({ TNL_TOKEN_FILE: file('e', SECRET.repeat(90_000)) }), /: a token has 1024 char/],
  ])('%s', (_, env, words) => {
    let error: unknown
    try {
      credentialsOf({ tls: {} }, env())
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(InvalidVariableError)
    expect(error).toMatchObject({ code: 'TNL_INVALID_OPTION', message: expect.stringMatching(words) })
    expect(String(error)).not.toContain(SECRET)
  })

  it('an option is no variable', async () => {
    const error = await connected({ tls: { ca: '/no/ca.pem' } }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).not.toBeInstanceOf(InvalidVariableError)
    expect(String(error)).toContain('tls.ca /no/ca.pem: ENOENT')
  })

  it('a file that every user can read is warned of', () => {
    const path = file('token', 'tnl_x')
    chmodSync(path, 0o640)
    expect(warningOf(path)).toBeNull()
    chmodSync(path, 0o644)
    expect(warningOf(path)).toMatch(/every user of this host can read the token/)
  })
})

describe('a client that is not known', () => {
  const REFUSAL = 'err,code:unauthorized,message:unknown token\n'

  it('learns it at once, and asks nobody else', async () => {
    const other = await cluster.addNode()
    node.mood = { kind: 'say', words: REFUSAL }
    const error = await connected({ endpoints: [node.address, other.address], token: 'tnl_x' }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(UnauthorizedError)
    expect(error).toMatchObject({ code: 'TNL_UNAUTHORIZED', serverCode: 'unauthorized', message: 'unknown token' })
    expect(other.received).toEqual([])
  })

  it('any more asks every node before it gives up its locks', async () => {
    const other = await cluster.addNode()
    const client = await connected({ endpoints: [node.address, other.address], token: 'tnl_x' })
    const lock = await client.acquire('x')
    const lost = new Promise((resolve) => lock.onLost(resolve))
    for (const each of [node, other]) each.mood = { kind: 'say', words: REFUSAL }
    for (const each of [node, other]) for (const connection of each.connections) connection.reset()
    await lost
    const asked = [node, other].map(({ received }) => received.filter((line) => line.startsWith('resume,')).length)
    expect(asked).toEqual([1, 1])
    await expect(client.acquire('y')).rejects.toBeInstanceOf(UnauthorizedError)
  })

  it('at one node goes on with another', async () => {
    const other = await cluster.addNode()
    const client = await connected({ endpoints: [node.address, other.address], token: 'tnl_x' })
    const lock = await client.acquire('x')
    node.mood = { kind: 'say', words: REFUSAL }
    for (const connection of node.connections) connection.reset()
    await other.until(() => other.received.some((line) => line.startsWith('resume,')))
    await lock.release()
  })
})

describe('a redirect', () => {
  it('out of this host is not followed with a token in plain text: the endpoint itself serves', async () => {
    // An address of this host that is not its loopback would do; there may be none. This one leads nowhere.
    node.mood = { kind: 'redirect', to: '192.0.2.1:7654' }
    await connected({ token: 'tnl_x' })
    expect(node.received.at(-1)).toMatch(/redirect:no.*auth:tnl_x/)
  })
})
