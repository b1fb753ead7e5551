/** `tnl snapshot save` against nodes that die, lie or refuse in the middle: a whole file, or what was there before. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { HostPort } from '../../../src/address.js'
import { CommandFailure } from '../../../src/cli/shared/command-failure.js'
import { saveSnapshot } from '../../../src/cli/snapshot/save.js'
import { verifySaved } from '../../../src/cli/snapshot/saved-file.js'
import { nodeDisk } from '../../../src/raft/store/node-disk.js'
import { SnapshotWriter } from '../../../src/raft/store/snapshot-format.js'
import { chunksOf, metadata } from '../../raft/store/helpers.js'

const PART_BYTES = 1_000
const OLD = 'of yesterday'

/** What a node does once it was asked, with the lines that an honest one would send. */
type Manner = (socket: Socket, lines: readonly string[]) => void

const send = (socket: Socket, lines: readonly string[]): void => void socket.write(`${lines.join('\n')}\n`)

const MANNERS = {
  honest: send,
  dies: (socket, lines) => socket.end(`${lines.slice(0, 3).join('\n')}\n`),
  leavesOut: (socket, lines) => send(socket, [...lines.slice(0, 2), ...lines.slice(3)]),
  stopsEarly: (socket, lines) => send(socket, [...lines.slice(0, 3), ...lines.slice(-1)]),
  sendsMore: (socket, lines) => send(socket, [...lines.slice(0, -1), 'part,id:1,offset:9000,data:AAAA']),
  damages: (socket, lines) =>
    send(
      socket,
      lines.map((line, at) => (at === 3 ? line.replace(/data:..../, 'data:AAAA') : line)),
    ),
  refuses: (socket) => send(socket, ['err,id:1,code:unauthorized,message:not%20from%20here']),
  hasNoQuorum: (socket) => send(socket, ['err,id:1,code:no-quorum,message:no%20leader']),
  isOlder: (socket) => send(socket, ['err,id:1,code:bad-request,message:unknown%20action%20.snapshot']),
  talksNonsense: (socket) => send(socket, [',,,']),
} satisfies Record<string, Manner>

/** The lines of a snapshot of 9,000 bytes. */
async function linesOf(dir: string): Promise<readonly string[]> {
  const path = join(dir, 'of-a-node')
  const file = await nodeDisk.openFile(path, 'create')
  const writer = new SnapshotWriter(file)
  await writer.begin(metadata(12, 3))
  for (const chunk of chunksOf(3, 2_900)) await writer.chunk(chunk)
  await writer.end()
  await file.close()
  const bytes = readFileSync(path)
  rmSync(path)
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    parts.push(`part,id:1,offset:${at},data:${bytes.subarray(at, at + PART_BYTES).toString('base64')}`)
  }
  const head = `snapshot,id:1,cluster:c1,level:2,index:12,term:3,bytes:${bytes.length}`
  return [head, ...parts, `end,id:1,count:${parts.length}`]
}

async function nodeThat(manner: Manner, lines: readonly string[]): Promise<HostPort> {
  const server = createServer((socket) => {
    socket.setEncoding('utf8').on('error', () => undefined)
    socket.on('data', (text) => {
      if (String(text).startsWith('hello'))
        socket.write('welcome,session:1,secret:s,node:n1,lease:10,cluster:c1,level:2\n')
      if (String(text).includes('.snapshot')) manner(socket, lines)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { host: '127.0.0.1', port: address.port }
}

async function saving(...manners: readonly (keyof typeof MANNERS)[]) {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-save-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const lines = await linesOf(dir)
  const file = join(dir, 'saved')
  writeFileSync(file, OLD)
  const endpoints = await Promise.all(manners.map((name) => nodeThat(MANNERS[name], lines)))
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const failure = await saveSnapshot({ endpoints }, file, true).then(
    () => null,
    (error: unknown) => error,
  )
  said.mockRestore()
  // Nothing lies beside it, whatever happened.
  expect(readdirSync(dir)).toEqual(['saved'])
  return { file, failure }
}

it('a node that dies in the middle costs nothing but time: the next one is asked, from the beginning', async () => {
  const { file, failure } = await saving('dies', 'leavesOut', 'hasNoQuorum', 'honest')
  expect(failure).toBe(null)
  expect(await verifySaved(file)).toMatchObject({ seal: expect.stringMatching(/^[0-9a-f]{64}$/) })
})

it.each<[keyof typeof MANNERS, number, RegExp]>([
  ['dies', 125, /closed the connection before the end of the snapshot/],
  ['leavesOut', 125, /a part that does not follow the one before/],
  ['stopsEarly', 125, /a part that does not follow the one before/],
  ['sendsMore', 125, /a part that does not follow the one before/],
  ['hasNoQuorum', 125, /no leader/],
  ['talksNonsense', 125, /malformed line/],
  ['damages', 3, /the chunk at byte \d+ is damaged/],
  ['refuses', 1, /^unauthorized: not from here$/],
  ['isOlder', 1, /older than tnl snapshot: upgrade it/],
])('where the only node %s, the file of yesterday stays', async (manner, status, words) => {
  const { file, failure } = await saving(manner)
  expect(failure).toBeInstanceOf(CommandFailure)
  expect(failure).toMatchObject({ exitCode: status, message: expect.stringMatching(words) })
  expect(readFileSync(file, 'utf8')).toBe(OLD)
})

it('one that refuses and one that is not there are both named', async () => {
  const { failure } = await saving('refuses', 'dies')
  expect(failure).toMatchObject({
    exitCode: 125,
    message: expect.stringMatching(/unauthorized: .*; .*closed the connection/),
  })
})
