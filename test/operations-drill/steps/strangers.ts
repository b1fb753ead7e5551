/** A stranger without token and certificate, at every port, with everything that can be asked there. */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TestNode } from '../../kit/process-cluster.js'
import type { Drill, Step } from '../drill.js'
import { LineOverTls } from '../line-over-tls.js'

const SECRET_NAME = 'shop/busy-'
const CLASSIC = ['lock,name:shop/x', 'lock,name:shop/x,auth:tnl_wrong', '.stats', '.server-shutdown'] as const
const SESSION = [
  ...['lock,id:1,name:shop/x', 'unlock,id:1,name:shop/x', 'check,id:1,name:shop/x,token:1', 'locks,id:1'],
  ...['who,id:1,name:shop/x', 'why,id:1,name:shop/x', 'history,id:1,name:shop/x', 'watch,id:1,prefix:shop/'],
  ...['sessions,id:1', 'marks,id:1', 'freezes,id:1', '.members,id:1', '.member-add,id:1,node:n9,peer:h:1'],
  ...['.member-remove,id:1,node:n2', '.transfer,id:1,node:n2', '.freeze,id:1,prefix:shop/,reason:r'],
  ...['.force-release,id:1,name:shop/x,token:1,reason:r', '.resize,id:1,name:shop/x,limit:2'],
  ...['.forget,id:1,key:k', '.snapshot,id:1', '.upgrade-hold,id:1'],
] as const
const PAGES = ['/metrics', '/v1/status', '/v1/locks', '/v1/sessions', '/v1/members', '/v1/events'] as const

/** In words: what was done, and what came of it. */
interface Attempt {
  readonly what: string
  readonly said: string
  readonly isRefused: boolean
}

const attempt = (what: string, said: string): Attempt => ({
  what,
  said,
  // An empty listing tells nothing either.
  isRefused:
    !said.includes(SECRET_NAME) &&
    (/unauthorized|not allowed/.test(said) || /^end,id:1,count:0$|^info,id:1,\{[^}]*(\[\]|:0)[^}]*\}$/m.test(said)),
})

async function classic(drill: Drill, node: TestNode, line: string): Promise<Attempt> {
  const wire = await LineOverTls.open(node.port, drill.security.ca)
  wire.send(`${line}\n`)
  const said = await wire.until((text) => text.includes('\n'))
  wire.close()
  return attempt(line, said.trim())
}

async function session(drill: Drill, node: TestNode, line: string): Promise<Attempt> {
  const wire = await LineOverTls.open(node.port, drill.security.ca)
  wire.send('hello,version:2,redirect:no\n')
  const welcome = await wire.until((text) => text.includes('\n'))
  if (!welcome.startsWith('welcome')) {
    wire.close()
    return attempt(line, welcome.trim())
  }
  wire.send(`${line}\n`)
  const all = await wire.until((text) => /,id:1[,}\n]/.test(text.slice(welcome.length)))
  wire.close()
  return attempt(line, all.slice(welcome.length).trim())
}

/** Plain text where TLS is spoken: nothing is said but, at most, an alert. */
function plainly(port: number, words: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.setEncoding('latin1').on('data', (text) => (said += text))
    socket.on('error', () => undefined).on('close', () => resolve(said))
    socket.end(words)
  })
}

/** A peer without a certificate: the handshake, or what follows it, ends. */
function withoutCertificate(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    let said = 0
    socket.on('data', (bytes) => (said += bytes.length))
    socket.on('error', () => undefined).on('close', () => resolve(said === 0))
    socket.on('secureConnect', () => socket.write(Buffer.alloc(64)))
  })
}

export const step: Step = {
  name: 'strangers',
  expected: 'without a token or a certificate: refused at every port with every verb, and no name of a lock is told',
  run: async (drill) => {
    const [node] = await drill.cluster.followers()
    const attempts = await Promise.all([
      ...CLASSIC.map((line) => classic(drill, node, line)),
      ...SESSION.map((line) => session(drill, node, line)),
      ...PAGES.map(async (path) => {
        const { status, body } = await drill.http(node, path)
        return { what: `GET ${path}`, said: `${status}`, isRefused: status === 401 && !body.includes(SECRET_NAME) }
      }),
    ])
    const open = await drill.http(node, '/healthz')
    if (open.status !== 200) throw new Error(`/healthz says ${open.status}`)
    const plain = await plainly(node.port, 'lock,name:shop/x\n')
    attempts.push({ what: 'plain text at the client port', said: plain, isRefused: !/ok|not-granted/.test(plain) })
    for (const words of ['GET / HTTP/1.1\r\n\r\n', 'TNL']) {
      const said = await plainly(node.plan.peerPort, words)
      attempts.push({ what: 'plain text at the peer port', said, isRefused: !said.includes(node.id) })
    }
    const isSilent = await withoutCertificate(node.plan.peerPort)
    attempts.push({
      what: 'a peer without a certificate',
      said: isSilent ? 'nothing' : 'something',
      isRefused: isSilent,
    })
    const admitted = attempts.filter(({ isRefused }) => !isRefused)
    if (admitted.length > 0) throw new Error(admitted.map(({ what, said }) => `${what}: "${said}"`).join('; '))
    return `${attempts.length} attempts, all refused`
  },
}
