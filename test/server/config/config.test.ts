import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseServerConfig, type ServerConfig } from '../../../src/server/config/config.js'

const dir = mkdtempSync(join(tmpdir(), 'tnl-config-'))
afterAll(() => rmSync(dir, { recursive: true }))

function configOf(words: readonly string[], environment: NodeJS.ProcessEnv = {}): ServerConfig {
  const parsed = parseServerConfig(words, environment)
  if (parsed.kind !== 'run') throw new Error('printed instead')
  return parsed.config
}

function warningsOf(words: readonly string[]): readonly string[] {
  const parsed = parseServerConfig(words, {})
  if (parsed.kind !== 'run') throw new Error('printed instead')
  return parsed.warnings
}

function yaml(text: string): string {
  const path = join(dir, 'tnl.yml')
  writeFileSync(path, text)
  return path
}

describe('defaults', () => {
  it('is a cluster of one on localhost', () => {
    expect(configOf([])).toMatchObject({
      nodeId: 'n1',
      listen: { host: 'localhost', port: 7654 },
      advertise: 'localhost:7654',
      peerListen: { host: '127.0.0.1', port: 7655 },
      cluster: [{ nodeId: 'n1', peerAddress: '127.0.0.1:7655' }],
      http: { host: '127.0.0.1', port: 7656 },
      leaseMs: 10_000,
      electionTimeoutMs: 500,
      heartbeatMs: 50,
      requestTimeoutMs: 5_000,
      followers: 'serve',
      allowShutdown: false,
      logLevel: 'info',
    })
  })
})

describe('--max-locks-per-session', () => {
  it('is at most what the state machine lets a session have', () => {
    expect(configOf(['--max-locks-per-session', '10000']).maxLocksPerSession).toBe(10_000)
    expect(() => configOf(['--max-locks-per-session', '10001'])).toThrow(/max-locks-per-session/)
  })
})

describe('where a value comes from', () => {
  it('takes the flag, else the variable, else the file', () => {
    const config = yaml('lease: 20\nrequest-timeout: 2\nmax-line: 1000\n')
    const environment = { TNL_LEASE: '15', TNL_REQUEST_TIMEOUT: '3' }
    const { leaseMs, requestTimeoutMs, maxLineBytes } = configOf(['--lease', '12', '--config', config], environment)
    expect({ leaseMs, requestTimeoutMs, maxLineBytes }).toEqual({
      leaseMs: 12_000,
      requestTimeoutMs: 3_000,
      maxLineBytes: 1000,
    })
  })

  it('reads lists and maps of the file', () => {
    const config = yaml('node-id: b\ncluster:\n  a: h1:1\n  b: "[::1]:2"\nallow-admin: true\n')
    expect(configOf(['--config', config])).toMatchObject({
      nodeId: 'b',
      adminFrom: 'anywhere',
      cluster: [
        { nodeId: 'a', peerAddress: 'h1:1' },
        { nodeId: 'b', peerAddress: '[::1]:2' },
      ],
    })
  })

  it('ignores the links that Kubernetes makes, with a warning, and empty variables', () => {
    const parsed = parseServerConfig([], { TNL_PORT: 'tcp://10.0.0.1:7654', TNL_LEASE: '' })
    expect(parsed).toMatchObject({ kind: 'run', config: { listen: { port: 7654 }, leaseMs: 10_000 } })
    expect(parsed).toMatchObject({ warnings: [expect.stringContaining('TNL_PORT=tcp://10.0.0.1:7654')] })
  })

  it('lets the stronger of --port and the port of --listen count', () => {
    expect(configOf(['--listen', '0.0.0.0', '--port', '8'])).toMatchObject({
      listen: { host: '0.0.0.0', port: 8 },
      advertise: 'localhost:8',
    })
    expect(configOf(['--port', '8'], { TNL_LISTEN: '::1' }).listen).toEqual({ host: '::1', port: 8 })
    expect(configOf(['--port', '8'], { TNL_LISTEN: 'h:9' }).listen).toEqual({ host: 'h', port: 8 })
    expect(configOf(['--listen', 'h:9'], { TNL_PORT: '8' }).listen).toEqual({ host: 'h', port: 9 })
  })

  it('lets --debug on the command line count more than a level in a variable', () => {
    expect(configOf(['--debug'], { TNL_LOG_LEVEL: 'error' }).logLevel).toBe('debug')
    expect(configOf(['--log-level', 'warn'], { TNL_DEBUG: 'true' }).logLevel).toBe('warn')
  })
})

describe('what is wrong is named with its flag and its value', () => {
  const cases: readonly [string[], RegExp][] = [
    [['--port', '99999'], /^--port 99999: .*65535/],
    [['--port', 'http'], /^--port http: /],
    [['--listen', '[::1:7'], /^--listen \[::1:7: /],
    [['--listen', 'h:1', '--port', '2'], /^--port 2: --listen h:1/],
    [['--lease', 'ten'], /^--lease ten: not a number/],
    [['--lease', '2.9'], /^--lease 2\.9: must be from 3/],
    [['--lease', '3'], /^--lease 3: too short .*--max-connections 10000/],
    [['--election-timeout', '0.1'], /^--election-timeout 0\.1: .*--heartbeat 0\.05/],
    [['--followers', 'ignore'], /^--followers ignore: must be serve or redirect/],
    [['--max-connections', '0'], /^--max-connections 0: /],
    [['--http', 'nowhere:x'], /^--http nowhere:x: /],
    [['--advertise', 'h'], /^--advertise h: the port is missing/],
    [['--node-id', 'a,b'], /^--node-id a,b: /],
    [['--cluster', 'a=h:1'], /^--cluster a=h:1: needs --node-id/],
    [['--cluster', 'a=h:1', '--node-id', 'b'], /^--cluster a=h:1: .*--node-id/],
    [['--cluster', 'a=h:1,a=h:2', '--node-id', 'a'], /^--cluster .*: a stands there twice/],
    [['--cluster', 'a=h', '--node-id', 'a'], /^--cluster a=h: "a=h": the port is missing/],
    [['--join'], /^--join: needs --cluster/],
    [['--lock'], /--lock/],
    [['server'], /too many arguments/],
    [['--tls-cert', 'x'], /^--tls-key: is needed for TLS/],
    [['--tls-key', 'x'], /^--tls-cert: is needed for TLS/],
    [['--tls-client-ca', 'x'], /^--tls-cert: is needed for TLS/],
    [['--tls', 'optional'], /^--tls-cert: is needed for TLS/],
    [['--tls', 'maybe'], /^--tls maybe: must be off or optional or required/],
    [['--tls-cert', ''], /^--tls-cert : must name a file/],
    [['--peer-tls-ca=x'], /^--peer-tls-cert: is needed for TLS/],
    [['--peer-tls-cert=x', '--peer-tls-key=x'], /^--peer-tls-ca: is needed as well/],
    [['--cluster-name', 'a/b'], /^--cluster-name a\/b: must be/],
    [['--proxy-from', '10.0.0.0/33'], /^--proxy-from 10\.0\.0\.0\/33: "10\.0\.0\.0\/33" is no address/],
    [['--proxy-from', '10.0.0.1,lb'], /^--proxy-from 10\.0\.0\.1,lb: "lb" is no address/],
    [['--auth-file', ''], /^--auth-file : must name a file/],
    [['--audit-grants'], /^--audit-grants true: needs --audit-file as well/],
    [['--config', '/nowhere/tnl.yml'], /^--config \/nowhere\/tnl\.yml: cannot be read/],
  ]
  it.each(cases)('%j', (words, message) => {
    expect(() => configOf(words)).toThrow(message)
  })

  it('names the variable', () => {
    expect(() => configOf([], { TNL_MAX_LINE: 'long' })).toThrow(/^--max-line long \(TNL_MAX_LINE\): /)
  })

  it('names the line of the file', () => {
    expect(() => configOf(['--config', yaml('lease: 10\nleese: 3\n')])).toThrow(/line 2: unknown key leese/)
    expect(() => configOf(['--config', yaml('\nlease: 1\n')])).toThrow(/^--lease 1 \(.*tnl\.yml line 2\): must be/)
    expect(() => configOf(['--config', yaml('lease: 10\nlease: 11\n')])).toThrow(/line 2: .*unique/)
    expect(() => configOf(['--config', yaml('a list\n')])).toThrow(/must hold keys and values/)
  })
})

describe('rule 0', () => {
  it('allows the very bound and refuses one connection more', () => {
    expect(configOf(['--lease', '3', '--max-connections', '1000']).leaseMs).toBe(3_000)
    expect(() => configOf(['--lease', '3', '--max-connections', '1001'])).toThrow(/too short/)
  })
})

describe('help and version', () => {
  it('lists every option, and is no error', () => {
    const help = parseServerConfig(['--help'], {})
    if (help.kind !== 'print') throw new Error('not printed')
    for (const flag of ['--node-id', '--advertise', '--cluster', '--join', '--config', '--debug']) {
      expect(help.text).toContain(flag)
    }
    expect(parseServerConfig(['--version'], {})).toMatchObject({ kind: 'print', text: expect.stringMatching(/^\d+\./) })
  })
})

describe('a variable with a slip in its name', () => {
  const warningsFor = (environment: NodeJS.ProcessEnv): readonly string[] => {
    const parsed = parseServerConfig([], environment)
    return parsed.kind === 'run' ? parsed.warnings : []
  }

  it('is told, with the name that was meant', () => {
    expect(warningsFor({ TNL_DATA_DIRR: '/data', TNL_CLUSTERS: 'x', TNL_NODE: 'n1' })).toEqual([
      'TNL_DATA_DIRR is no setting and is ignored (TNL_DATA_DIR?)',
      'TNL_CLUSTERS is no setting and is ignored (TNL_CLUSTER?)',
      'TNL_NODE is no setting and is ignored (TNL_NODE_ID?)',
    ])
  })

  it('is no link of a service, no variable of another program, and none of another prefix', () => {
    const links = {
      TNL_SERVICE_HOST: '10.0.0.1',
      TNL_SERVICE_PORT: '7654',
      TNL_SERVICE_PORT_CLIENTS: '7654',
      TNL_PORT_7654_TCP: 'tcp://10.0.0.1:7654',
      TNL_PORT_7654_TCP_ADDR: '10.0.0.1',
      TNL_0_SERVICE_HOST: '10.0.0.1',
      TNL_0_PORT: 'tcp://10.0.0.1:7654',
      TNL_0_PORT_7654_TCP_PROTO: 'tcp',
    }
    expect(warningsFor({ ...links, TNL_ENDPOINTS: 'a:1', TNLX: '1', TNL_CONFIG: '' })).toEqual([])
    // A server that is the command of a tnl-do sees these.
    const given = { TNL_HELD: 'a@1,,me', TNL_GUARDIAN: '1-a', TNL_LOCK_NAME: 'a', TNL_TOKEN: '1', TNL_SESSION: '1' }
    expect(warningsFor({ ...given, TNL_NATIVE: 'off' })).toEqual([])
  })

  it('is an error in the file, with the name that was meant', () => {
    expect(() => configOf(['--config', yaml('data-dirr: /data\n')])).toThrow('unknown key data-dirr (data-dir?)')
  })
})

it('takes an empty --data-dir for no directory', () => {
  expect(() => configOf(['--data-dir', ''])).toThrow('--data-dir is empty; the present directory is "."')
  expect(() => configOf(['--config', yaml('data-dir: ""\n')])).toThrow('--data-dir is empty')
})

describe('what is said about addresses', () => {
  const messages: readonly (readonly [readonly string[], string])[] = [
    [['--node-id', 'n1', '--cluster', 'n1=localhost'], '"n1=localhost": the port is missing (HOST:PORT)'],
    [['--listen', '::1:26000'], '--listen ::1:26000: not a host name or address (IPv6 stands in brackets: [::1]:7654)'],
    [['--node-id', 'n1', '--cluster', 'n1=::1:26000'], 'IPv6 stands in brackets'],
    [['--advertise', '::1'], 'the port is missing ([IPV6]:PORT)'],
  ]
  it.each(messages)('%j', (words, message) => {
    expect(() => configOf(words)).toThrow(message)
  })

  it.each(['::', '::1', 'fe80::1%eth0', '2001:db8::7', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1'])('takes %s', (host) => {
    expect(configOf(['--listen', host, '--advertise', 'h:1']).listen).toEqual({ host, port: 7654 })
  })

  const warnings = (words: readonly string[]) => {
    const parsed = parseServerConfig(words, {})
    return parsed.kind === 'run' ? parsed.warnings : []
  }

  it('warns of an address that only this machine understands', () => {
    const locked = ['--auth-file', 'x', '--tls-cert', 'c', '--tls-key', 'k']
    expect(warnings(['--listen', '0.0.0.0', ...locked])).toEqual([
      expect.stringContaining('--advertise is localhost:7654'),
    ])
    expect(warnings(['--listen', '10.0.0.1', '--advertise', '0.0.0.0:7654', ...locked])).toEqual([
      expect.stringContaining('--advertise is 0.0.0.0:7654'),
    ])
    expect(warnings(['--listen', '0.0.0.0', '--advertise', 'h1:7654', ...locked])).toEqual([])
    expect(warnings([])).toEqual([])
  })

  it('warns of doors that stand open', () => {
    const [clients, http, ...more] = warnings(['--listen', '0.0.0.0', '--advertise', 'h1:7654', '--http', '[::]:80'])
    expect(clients).toContain('whoever reaches --listen 0.0.0.0:7654 may take every lock')
    expect(http).toContain('whoever reaches --http [::]:80 may see all locks')
    expect(more).toEqual([])
    const open = ['--listen', '0.0.0.0', '--advertise', 'h1:7654', '--auth-file', 'x']
    const plain = ['tokens can be read on their way to --listen 0.0.0.0:7654 (--tls-cert, --tls-key)']
    expect(warnings(open)).toEqual(plain)
    expect(warnings([...open, '--tls-cert', 'c', '--tls-key', 'k', '--tls', 'optional'])).toEqual(
      expect.arrayContaining(plain),
    )
  })
})

describe('--admin off', () => {
  it('wins over all rights of clients', () => {
    expect(configOf(['--allow-shutdown'])).toMatchObject({ adminFrom: 'this machine', allowShutdown: true })
    const parsed = parseServerConfig(['--admin', 'off', '--allow-admin', '--allow-shutdown'], {})
    expect(parsed).toMatchObject({ config: { adminFrom: 'nowhere', allowShutdown: false } })
    expect(parsed).toMatchObject({ warnings: [expect.stringContaining('--admin is off')] })
  })

  it('is all that counts beside an auth file', () => {
    const parsed = parseServerConfig(['--auth-file', 'x', '--allow-admin'], {})
    expect(parsed).toMatchObject({ warnings: ['--auth-file decides: --allow-admin and --allow-shutdown are ignored'] })
  })
})

describe('TLS', () => {
  const FILES = ['--tls-cert', '/c', '--tls-key', '/k']
  const PEER_FILES = ['--peer-tls-cert', '/c', '--peer-tls-key', '/k', '--peer-tls-ca', '/a']

  it('is off unless files are named, and then required', () => {
    expect(configOf([])).toMatchObject({ tls: null, peerTls: null, proxyFrom: null })
    expect(configOf(FILES).tls).toEqual({ certFile: '/c', keyFile: '/k', clientCaFile: null, isRequired: true })
    expect(configOf([...PEER_FILES, '--cluster-name', 'prod']).peerTls).toMatchObject({
      caFile: '/a',
      isRequired: true,
      clusterName: 'prod',
    })
  })

  it('can be off with files, and on by the variable of clients', () => {
    expect(configOf([...FILES, '--tls', 'off']).tls).toBeNull()
    expect(configOf(FILES, { TNL_TLS: 'on' }).tls?.isRequired).toBe(true)
  })

  it('that lets others in is said at every start', () => {
    const words = [...FILES, '--tls', 'optional', ...PEER_FILES, '--peer-tls', 'optional']
    expect(warningsOf(words)).toEqual([
      expect.stringContaining('--peer-tls optional: peers without TLS are let in too'),
      expect.stringContaining('--tls optional: clients without TLS are let in on the same ports'),
    ])
  })

  it('makes a peer port beyond this machine a door with a lock', () => {
    const open = ['--peer-listen', '0.0.0.0']
    expect(warningsOf(open).join()).toMatch(/peers are not authenticated/)
    expect(warningsOf([...open, ...PEER_FILES]).join()).not.toMatch(/authenticated/)
    expect(warningsOf([...open, ...PEER_FILES, '--peer-tls', 'optional']).join()).toMatch(/peers are not authenticated/)
  })
})

describe('--proxy-from', () => {
  it('lists addresses and ranges', () => {
    const relays = configOf(['--proxy-from', '10.1.0.0/16, fd00::/8,192.0.2.7']).proxyFrom
    const has = (address: string) => relays?.has(address)
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '192.0.2.7'].map(has)).toEqual([true, true, true, true])
    expect(['10.2.0.1', '::1', '192.0.2.8', '', 'lb'].map(has)).toEqual([false, false, false, false, false])
  })
})

describe('--help', () => {
  it.each(['-h', '--help'])('%s has every option and exit status', (word) => {
    const parsed = parseServerConfig([word], {})
    const text = parsed.kind === 'print' ? parsed.text : ''
    expect(text).toContain('--max-connections')
    for (const status of [0, 2, 3, 4, 5]) expect(text).toMatch(new RegExp(`^  ${status}  \\S`, 'm'))
  })
})
