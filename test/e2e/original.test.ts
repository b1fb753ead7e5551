/**
 * The original Python client, unchanged, against every node. It is not installed with this project: TCPNETLOCK_PYTHON is
 * an interpreter that has it (`pip install tcpnetlock` in an environment of its own), else these tests are skipped.
 */
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster, until } from '../kit/process-cluster.js'
import { converse, inTime } from '../kit/wire.js'

const PYTHON = process.env.TCPNETLOCK_PYTHON ?? 'python3'
const isThere = spawnSync(PYTHON, ['-c', 'import tcpnetlock.client.client']).status === 0
const NOT_GRANTED = 123

interface Outcome {
  readonly status: number | null
  readonly output: string
}

function run(file: string, words: readonly string[]): Promise<Outcome> {
  const child = spawn(file, words)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk)
    })
  }
  return inTime(
    `${file} ${words.join(' ')} ends`,
    new Promise((resolve) => child.on('close', (status) => resolve({ status, output }))),
  )
}

const originalDo = (...words: readonly string[]): Promise<Outcome> =>
  run(join(dirname(PYTHON), 'tcpnetlock_do'), ['--host', '127.0.0.1', ...words])

const CONVERSATION = `
import sys
from tcpnetlock.client.client import LockClient

port = int(sys.argv[1])
def client():
    client = LockClient(host='127.0.0.1', port=port, client_id='me@here')
    client.connect()
    return client

holder, rival = client(), client()
assert holder.lock('python') is True
assert rival.lock('python') is False
holder.keepalive()
holder.check_connection()
holder.release()
again = client()
assert again.lock('python') is True
again.close()
client().ping()
_, stats = client().stats()
assert stats['lock_acquired_count'] >= 2, stats
print('all well')
`

describe.skipIf(!isThere)('the original', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  it('LockClient talks with every node', async () => {
    for (const { port } of cluster.nodes) {
      expect(await run(PYTHON, ['-c', CONVERSATION, String(port)])).toEqual({ status: 0, output: 'all well\n' })
    }
  })

  it('tcpnetlock_do runs its command, and not while another holds the lock', async () => {
    for (const [index, { port }] of cluster.nodes.entries()) {
      const words = ['--port', String(port), '--lock-name', `do-${index}`]
      expect(await originalDo(...words, '--', 'sh', '-c', 'exit 7')).toMatchObject({ status: 7 })
      const rival = ['--port', String(cluster.node(0).port), '--lock-name', `do-${index}`, 'true']
      const script = `${join(dirname(PYTHON), 'tcpnetlock_do')} --host 127.0.0.1 ${rival.join(' ')}`
      expect(await originalDo(...words, '--shell', script)).toMatchObject({ status: NOT_GRANTED })
      expect(await originalDo(...rival)).toMatchObject({ status: 0 })
    }
  })

  it('tcpnetlock_client holds a lock while it lives', async () => {
    for (const [index, { port }] of cluster.nodes.entries()) {
      const words = ['--host', '127.0.0.1', '--port', String(port), `client-${index}`]
      const child = spawn(join(dirname(PYTHON), 'tcpnetlock_client'), words)
      const ask = `lock,name:client-${index}\n`
      await until('the client holds it', async () => (await converse(port, `${ask}release\n`)) === 'not-granted\n')
      child.kill('SIGKILL')
      await until('it is free', async () => (await converse(port, `${ask}release\n`)) === 'ok\nreleased\n')
    }
  })
})
