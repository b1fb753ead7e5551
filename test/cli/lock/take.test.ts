/** `tnl lock` where the cluster says nothing: a lock of which nobody learns would stand for a day. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeCluster, type FakeNode } from '../../client/fake-server.js'
import { tnlInProcess as tnl } from '../../kit/tnl-in-process.js'

let cluster: FakeCluster
let node: FakeNode

beforeEach(async () => {
  cluster = new FakeCluster(10)
  node = await cluster.addNode()
})
afterEach(() => cluster.close())

const lock = (...words: string[]) => tnl('lock', 'silent', '--endpoints', cluster.endpoints, ...words)
const freeing = (): RegExp => {
  const [[id, { secret }] = ['', { secret: '' }]] = cluster.sessions
  return new RegExp(`\\n.*  tnl unlock silent --session ${id} --secret ${secret}\\n`)
}

describe('tnl lock, not answered', () => {
  beforeEach(() => {
    node.script = (line) => (line.action === 'lock' || line.action === 'cancel' ? [] : null)
  })

  it('says in the end how to free what may be granted yet', async () => {
    let words = /never/
    const looked = node
      .until(() => node.heard('cancel'))
      .then(() => {
        words = freeing()
      })
    const { status, stdout, stderr } = await lock('--timeout', '0.1')
    await looked
    expect([status, stdout]).toEqual([5, 'null\n'])
    expect(stderr).toMatch(words)
  })

  it('says so too when it is told to end', async () => {
    let words = /never/
    const ended = lock()
    await node.until(() => node.heard('lock'))
    words = freeing()
    process.emit('SIGTERM', 'SIGTERM')
    const { status, stdout, stderr } = await ended
    expect([status, stdout]).toEqual([143, ''])
    expect(stderr).toMatch(words)
  })
})

it('frees what comes when it is told to end', async () => {
  let id = ''
  node.script = (line) => {
    if (line.action === 'lock') id = line.get('id') ?? ''
    if (line.action === 'lock') return []
    if (line.action === 'cancel') return [`ok,id:${id},name:silent,token:5`, `cancelled,id:${line.get('id')}`]
    return line.action === 'unlock' ? [`released,id:${line.get('id')},name:silent`] : null
  }
  const ended = lock()
  await node.until(() => node.heard('lock'))
  process.emit('SIGINT', 'SIGINT')
  expect(await ended).toMatchObject({ status: 130, stdout: '' })
  expect(node.received.some((line) => /^unlock,.*name:silent,token:5/.test(line))).toBe(true)
})

it('asks anew after an outage that ended its session, and first frees what that may have got', async () => {
  node.script = (line) => (line.action === 'lock' ? [] : null)
  const asked = lock('--ttl', '60')
  await node.until(() => node.heard('lock'))
  const [id = ''] = cluster.sessions.keys()
  node.script = (line) => {
    if (line.action === 'unlock') return [`err,id:${line.get('id')},code:not-holder,message:none`]
    return line.action === 'lock' ? [`ok,id:${line.get('id')},name:silent,token:7`] : null
  }
  cluster.sessions.clear()
  for (const connection of node.connections) connection.reset()
  const { status, stdout } = await asked
  expect([status, JSON.parse(stdout).token]).toEqual([0, 7])
  const lines = node.received.filter((line) => /^(unlock|lock),/.test(line))
  expect(lines).toHaveLength(3)
  expect(lines[1]).toMatch(new RegExp(`^unlock,.*name:silent,session:${id},secret:`))
  expect(lines[2]).toMatch(/^lock,/)
})
