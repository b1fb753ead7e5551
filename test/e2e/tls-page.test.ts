/** docs/operations/tls.md: what its commands make is what the nodes accept. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { CredentialFiles } from '../../src/server/tls/credential-files.js'
import { checkOwnCertificate } from '../../src/server/tls/own-certificate.js'

const page = readFileSync(join(import.meta.dirname, '../../docs/operations/tls.md'), 'utf8')
const scripts = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
const dir = mkdtempSync(join(tmpdir(), 'tnl-tls-page-'))
afterAll(() => rmSync(dir, { recursive: true }))

const version = spawnSync('openssl', ['version'], { encoding: 'utf8' })
const hasOpenssl = version.status === 0 && version.stdout.startsWith('OpenSSL 3')
if (!hasOpenssl) process.stderr.write('openssl 3 is not here: the commands of docs/operations/tls.md are NOT tried\n')

it.skipIf(!hasOpenssl)('its openssl commands make an authority, a node and a client', async () => {
  const [forNode = '', forClient = '', start = ''] = scripts
  expect(forNode.match(/^(?:openssl|printf)/gm)).toHaveLength(4)
  for (const script of [forNode, forClient]) {
    execFileSync('bash', ['-euc', script], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  // The files that the node of the page is given.
  const file = (flag: string) => join(dir, new RegExp(`--${flag} (\\S+)`).exec(start)?.[1] ?? flag)
  const warnings: string[] = []
  const load = (certFile: string, keyFile: string) =>
    CredentialFiles.load({
      flags: { cert: '--cert', key: '--key', ca: '--ca' },
      certFile,
      keyFile,
      caFile: file('peer-tls-ca'),
      clock: { wallNow: () => Date.now() },
      warn: (message) => void warnings.push(message),
      info: () => undefined,
    })
  const node = await load(file('peer-tls-cert'), file('peer-tls-key'))
  const clusterName = /--cluster-name (\S+)/.exec(start)?.[1] ?? ''
  await checkOwnCertificate(node.current, { nodeId: 'n1', clusterName })
  await checkOwnCertificate(node.current, { nodeId: 'n1', clusterName: null })
  await load(join(dir, 'deploy.pem'), join(dir, 'deploy.key'))
  expect(warnings).toEqual([])
})
