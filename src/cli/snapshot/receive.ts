/** The client's side of `.snapshot`: the parts of a snapshot file as they come, and no more of them than are being written. */
import type { Socket } from 'node:net'
import type { HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { ANSWER_LINE_MAX_BYTES, PROTOCOL_VERSION } from '../../protocol/limits.js'
import { formatLine, type Line } from '../../protocol/line.js'
import { LineSplitter } from '../../protocol/line-splitter.js'
import { ClusterRefusal } from '../shared/command-failure.js'
import { openStream } from '../shared/open-stream.js'

/** For the lookup of a name and the connection together. */
const CONNECT_TIMEOUT_MS = 2_000
/** A sign of life, well within the shortest lease. */
const KEEPALIVE_MS = 1_000
/** A node that sends nothing for so long has a disk that hangs, or is none. A snapshot of a million locks takes seconds to make. */
const SILENCE_MS = 60_000

export interface SnapshotHead {
  readonly cluster: string
  readonly level: number
  readonly index: number
  readonly term: number
  readonly bytes: number
}

/** Where what arrives goes. Nothing more is read from the network while one of these is at work. */
export interface SnapshotSink {
  begin(head: SnapshotHead): Promise<void>
  part(bytes: Uint8Array): Promise<void>
}

/** Resolves when all has arrived. Rejects with a ClusterRefusal, or with what went wrong on the way: another node may do better. */
export async function receiveSnapshot(
  endpoint: HostPort,
  credentials: Credentials | undefined,
  sink: SnapshotSink,
): Promise<void> {
  const { stream: socket, auth } = await openStream(endpoint, credentials, CONNECT_TIMEOUT_MS)
  let heardMs = performance.now()
  const heartbeat = setInterval(() => {
    if (performance.now() - heardMs < SILENCE_MS) socket.write('.keepalive\n')
    else socket.destroy(new Error(`the node sent nothing for ${SILENCE_MS / 1000} s`))
  }, KEEPALIVE_MS)
  try {
    socket.write(formatLine('hello', { version: PROTOCOL_VERSION, redirect: 'no', auth }))
    const receiver = new Receiver(sink)
    for await (const line of linesOf(socket)) {
      if (line.action === 'alive') continue
      heardMs = performance.now()
      if (line.action === 'welcome') socket.write('.snapshot,id:1\n')
      else if (await receiver.take(line)) return
    }
    throw new Error('the node closed the connection before the end of the snapshot')
  } finally {
    clearInterval(heartbeat)
    socket.end('bye\n')
    // Whoever broke off in the middle does not want the rest.
    socket.destroySoon()
  }
}

class Receiver {
  #bytes = -1
  #arrived = 0

  constructor(private readonly sink: SnapshotSink) {}

  /** True: that was the last line. */
  async take(line: Line): Promise<boolean> {
    switch (line.action) {
      case 'snapshot': {
        const head = readHead(line)
        this.#bytes = head.bytes
        await this.sink.begin(head)
        return false
      }
      case 'part': {
        const bytes = Buffer.from(line.get('data') ?? '', 'base64')
        if (line.number('offset') !== this.#arrived || this.#arrived + bytes.length > this.#bytes) throw outOfStep()
        this.#arrived += bytes.length
        await this.sink.part(bytes)
        return false
      }
      case 'end':
        if (this.#arrived !== this.#bytes) throw outOfStep()
        return true
      default:
        throw refusalOf(line)
    }
  }
}

const outOfStep = (): Error => new Error('the node sent a part that does not follow the one before')

/** A node without a quorum, or that leaves, is no answer: another may have one. */
function refusalOf(line: Line): Error {
  const code = line.get('code')
  const message = line.get('message') ?? ''
  if (line.action !== 'err' || code === undefined) return new Error(`the node says "${line.action},${line.rest}"`)
  if (code === 'no-quorum') return new Error(message)
  const isOld = code === 'bad-request' && message.startsWith('unknown action')
  return new ClusterRefusal(code, isOld ? 'the program of that node is older than tnl snapshot: upgrade it' : message)
}

function readHead(line: Line): SnapshotHead {
  const number = (key: string): number => {
    const value = line.number(key)
    if (value === undefined) throw new Error(`the node did not say ${key} of the snapshot`)
    return value
  }
  return {
    cluster: line.get('cluster') ?? '',
    level: number('level'),
    index: number('index'),
    term: number('term'),
    bytes: number('bytes'),
  }
}

/** Reading the socket waits for whoever takes the lines, so that a slow disk here slows the node down and fills no memory. */
async function* linesOf(socket: Socket): AsyncGenerator<Line> {
  const splitter = new LineSplitter(ANSWER_LINE_MAX_BYTES)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    for (const cut of splitter.cut(chunk)) {
      if (cut === 'malformed' || cut === 'too long') throw new Error('the node sent a malformed line')
      yield cut
    }
  }
}
