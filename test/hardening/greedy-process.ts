/**
 * Clients that take all they can get, in a process of their own: `greedy-process KIND COUNT PORT,PORT,…`. Says `ready` once
 * every connection is open, then goes on until it is killed.
 *
 * keepalive: sessions that send `.keepalive` as fast as it is read. refusal: the same with lines that are refused. ping:
 * one connection after the other, each for a `.ping`.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const [kind = 'keepalive', count = '1', ports = ''] = process.argv.slice(2)
const BLOCK_LINES = 4_000
const LINES: Readonly<Record<string, string>> = {
  keepalive: '.keepalive\n',
  refusal: 'release,name:nobody-has-this,token:x\n',
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Returns what begins the flood. */
async function prepare(port: number, line: string): Promise<() => void> {
  const socket = await opened(port)
  socket.write('hello,version:2,redirect:no,lease:60\n')
  await once(socket, 'data')
  socket.resume()
  const block = Buffer.from(line.repeat(BLOCK_LINES))
  const more = (): void => {
    while (socket.writable && socket.write(block)) {}
  }
  socket.on('drain', more)
  return more
}

async function pings(port: number): Promise<void> {
  for (;;) {
    try {
      const socket = await opened(port)
      socket.resume()
      socket.end('.ping\n')
      await once(socket, 'close')
    } catch {
      // Refused: a flood that is turned away goes on.
    }
  }
}

const targets = ports.split(',').map(Number)
const places = Array.from({ length: Number(count) }, (_, index) => targets[index % targets.length] ?? 0)
if (kind === 'ping') for (const port of places) void pings(port)
else {
  const begin = await Promise.all(places.map((port) => prepare(port, LINES[kind] ?? '')))
  for (const one of begin) one()
}
process.stdout.write('ready\n')
