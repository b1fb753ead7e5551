/** `tnl status` from a place where what the nodes advertise leads elsewhere: inside a container of the compose file. */
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { collectStatus, statusTable } from '../../../src/cli/admin/status.js'

interface FakeNode {
  readonly node: string
  readonly role: string
  /** What its `.stats` says of the members. */
  readonly members: readonly object[]
  readonly progress?: readonly object[]
}

/** A node that answers every line with its report. Resolves with the port, the same on every address when given. */
async function serve(host: string, port: number, { node, role, members, progress = [] }: FakeNode): Promise<number> {
  const report = { node, role, members, progress, term: 1, commit: 1, applied: 1, lease: 5, version: '0' }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end(`stats,${JSON.stringify(report)}\n`))
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An address at which nobody listens: a port that was free a moment ago, on an address of this test's own. */
async function deadAddress(host: string): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return `${host}:${typeof address === 'object' && address !== null ? address.port : 0}`
}

describe('tnl status', () => {
  it('finds members beside their peer port when what they advertise leads elsewhere', async () => {
    const members = [
      { node: 'n1', peer: '127.0.1.1:7655', address: await deadAddress('127.0.1.9') },
      { node: 'n2', peer: '127.0.1.2:7655', address: await deadAddress('127.0.1.9') },
    ]
    const port = await serve('127.0.1.1', 0, { node: 'n1', role: 'leader', members })
    await serve('127.0.1.2', port, { node: 'n2', role: 'follower', members })
    const states = await collectStatus({ endpoints: [{ host: '127.0.1.1', port }] })
    expect(states.map((state) => ('report' in state ? state.report.node : state))).toEqual(['n1', 'n2'])
  })

  it('names a member that it cannot reach, and says when the leader hears it', async () => {
    const members = [
      { node: 'n1', peer: '127.0.1.1:7655', address: null },
      { node: 'n2', peer: '127.0.1.8:7655', address: await deadAddress('127.0.1.9') },
      { node: 'n3', peer: '127.0.1.8:7656', address: await deadAddress('127.0.1.9') },
    ]
    const progress = [
      { node: 'n2', active: true },
      { node: 'n3', active: false },
    ]
    const port = await serve('127.0.1.1', 0, { node: 'n1', role: 'leader', members, progress })
    const table = statusTable(await collectStatus({ endpoints: [{ host: '127.0.1.1', port }] }))
    expect(table).toMatch(/^n2 .*unreachable .*the leader hears n2/m)
    expect(table).toMatch(/^n3 .*unreachable(?!.*hears)/m)
  })

  it('does not call a node unreachable that refuses to tell', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => {}).on('data', () => socket.end('err,unauthorized\n')),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const table = statusTable(await collectStatus({ endpoints: [{ host: '127.0.0.1', port }] }))
    expect(table).toMatch(/^- .* refused .*unauthorized: this needs an account with the verb see$/m)
  })

  it('takes the answer of another node at such an address for nobody', async () => {
    const members = [
      { node: 'n1', peer: '127.0.1.1:7655', address: null },
      { node: 'n2', peer: '127.0.1.1:7665', address: await deadAddress('127.0.1.9') },
    ]
    const port = await serve('127.0.1.1', 0, { node: 'n1', role: 'leader', members })
    const states = await collectStatus({ endpoints: [{ host: '127.0.1.1', port }] })
    expect(states).toMatchObject([{ report: { node: 'n1' } }, { node: 'n2', error: expect.anything() }])
  })
})
