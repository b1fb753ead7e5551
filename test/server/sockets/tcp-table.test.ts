import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { TCP_TABLE_INTERVAL_MS } from '../../../src/server/limits.js'
import { SendQueueWatch, type WatchedConnection } from '../../../src/server/sockets/send-queue-watch.js'
import { addRows, type SendQueues, TcpTables, tableAddress, tableKey } from '../../../src/server/sockets/tcp-table.js'

describe('the rows of the kernel', () => {
  it('keeps queues that are not empty', () => {
    const queues = new Map<string, number>()
    const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
    const row = '   0: 0100007F:1DE6 0100007F:D3A4 01 0000001F:00000000 00:00000000 00000000  0 0 1 1 0 20 4 0 10 -1\n'
    const idle =
      '12345: 0100007F:1DE6 0100007F:D3A5 01 00000000:00000000 00:00000000 00000000  0 0 1 1 0 20 4 0 10 -1\n'
    addRows(head + row + idle, queues)
    expect([...queues]).toEqual([['0100007F:1DE6 0100007F:D3A4', 31]])
  })

  it.runIf(process.platform === 'linux')('names addresses as the kernel does', () => {
    expect(tableAddress('127.0.0.1', 7654)).toBe('0100007F:1DE6')
    expect(tableAddress('::1', 1)).toBe('00000000000000000000000001000000:0001')
    expect(tableAddress('::ffff:127.0.0.1', 1)).toBe('0000000000000000FFFF00000100007F:0001')
    expect(tableAddress('fe80::1:2%eth0', 1)).toBe('000080FE000000000000000002000100:0001')
  })
})

describe.runIf(process.platform === 'linux')('a real connection whose peer does not read', () => {
  const open: { destroy(): void }[] = []
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy()
  })

  it.each(['127.0.0.1', '::1', '::'])('is found in the table (listening on %s)', async (host) => {
    const server = createServer({ pauseOnConnect: true })
    open.push({ destroy: () => server.close() })
    try {
      server.listen(0, host)
      await once(server, 'listening')
    } catch {
      return // no IPv6 on this machine
    }
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const accepted: Promise<Socket[]> = once(server, 'connection')
    const writer = connect({ host: host === '::' ? '127.0.0.1' : host, port: port ?? 0 })
    open.push(writer)
    const [reader] = await accepted
    if (reader === undefined) throw new Error('no connection')
    open.push(reader)
    writer.pause()
    // More than any receive buffer takes: the rest stays in the send queue.
    reader.write(Buffer.alloc(64 * 1024 * 1024))
    const key = tableKey(reader) ?? ''
    const tables = TcpTables.open()
    open.push({ destroy: () => tables?.close() })
    for (;;) {
      const queued = (await tables?.read())?.get(key)
      if (queued !== undefined) return expect(queued).toBeGreaterThan(0)
      await new Promise(setImmediate)
    }
  })
})

/** Time stands still until told otherwise; one timer at a time suffices for the watch. */
class ManualClock implements Clock {
  #nowMs = 0
  #due: (() => void) | null = null
  #atMs = 0
  speakerNow = () => this.#nowMs
  takerNow = () => this.#nowMs
  wallNow = () => 0
  soon = (run: () => void) => run()
  after = (delayMs: number, run: () => void) => {
    this.#due = run
    this.#atMs = this.#nowMs + delayMs
    return {
      cancel: () => {
        this.#due = null
      },
    }
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    while (this.#due !== null && this.#atMs <= endMs) {
      const run = this.#due
      this.#due = null
      this.#nowMs = this.#atMs
      run()
      await new Promise(setImmediate)
    }
    this.#nowMs = endMs
  }
}

describe('SendQueueWatch', () => {
  /** `queueOf`: null when the table cannot be read. */
  function setUp(queueOf: () => number | undefined | null) {
    const clock = new ManualClock()
    const given: string[] = []
    const connection = { tableKey: 'k', handedToKernelBytes: 100, giveUp: () => void given.push('up') }
    let reads = 0
    const watch = new SendQueueWatch(clock, async () => {
      reads += 1
      const bytes = queueOf()
      if (bytes === null) return null
      return new Map(bytes === undefined ? [] : [['k', bytes]])
    })
    return { clock, given, watch, connection: connection as WatchedConnection & typeof connection, reads: () => reads }
  }

  it('gives up a connection whose queue does not shrink for 15 s', async () => {
    const { clock, given, watch, connection } = setUp(() => 40)
    watch.wrote(connection)
    await clock.pass(15_000)
    expect(given).toEqual([])
    await clock.pass(2 * TCP_TABLE_INTERVAL_MS)
    expect(given).toEqual(['up'])
  })

  it('keeps one that acknowledges, even if more is written than it takes', async () => {
    let queued = 40
    const { clock, given, watch, connection } = setUp(() => queued)
    watch.wrote(connection)
    for (let step = 0; step < 30; step += 1) {
      await clock.pass(TCP_TABLE_INTERVAL_MS)
      connection.handedToKernelBytes += 10
      queued += 9
      watch.wrote(connection)
    }
    expect(given).toEqual([])
  })

  it('looks no further once everything was acknowledged or a line came', async () => {
    let queued: number | undefined
    const { clock, given, watch, connection, reads } = setUp(() => queued)
    watch.wrote(connection)
    await clock.pass(60_000)
    expect(reads()).toBe(1)
    queued = 5
    watch.wrote(connection)
    watch.forget(connection)
    await clock.pass(60_000)
    expect({ given, reads: reads() }).toEqual({ given: [], reads: 1 })
  })

  it('does not read the table for clients that come and go', async () => {
    const { clock, watch, connection, reads } = setUp(() => 40)
    for (let client = 0; client < 100; client += 1) {
      const other = { ...connection }
      watch.wrote(other)
      await clock.pass(TCP_TABLE_INTERVAL_MS / 2)
      watch.forget(other)
    }
    expect(reads()).toBe(0)
  })

  it('reads the table every two seconds at most', async () => {
    const { clock, watch, connection, reads } = setUp(() => connection.handedToKernelBytes - reads())
    watch.wrote(connection)
    await clock.pass(60_000)
    expect(reads()).toBe(30)
  })

  it('gives up one that is written to all the time', async () => {
    const { clock, given, watch, connection } = setUp(() => connection.handedToKernelBytes)
    for (let second = 0; second < 20; second += 1) {
      watch.wrote(connection)
      await clock.pass(1_000)
    }
    expect(given).toEqual(['up'])
  })

  it('goes on watching when the table could not be read for a while', async () => {
    let queued: number | null = null
    const { clock, given, watch, connection } = setUp(() => queued)
    watch.wrote(connection)
    await clock.pass(60_000)
    queued = 40
    await clock.pass(15_000 + 2 * TCP_TABLE_INTERVAL_MS)
    expect(given).toEqual(['up'])
  })

  it('does not forget a connection that was written to while the table was read', async () => {
    let queued: number | undefined
    const written = setUp(() => {
      // The table does not show this yet.
      if (queued === undefined) written.watch.wrote(written.connection)
      return queued
    })
    written.watch.wrote(written.connection)
    await written.clock.pass(TCP_TABLE_INTERVAL_MS)
    queued = 40
    await written.clock.pass(15_000 + 2 * TCP_TABLE_INTERVAL_MS)
    expect(written.given).toEqual(['up'])
  })
})

describe.runIf(process.platform === 'linux')('the tables of the kernel', () => {
  it('are read in slices, with every row', async () => {
    const server = createServer((socket) => socket.pause())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const accepted: Socket[] = []
    server.on('connection', (socket) => accepted.push(socket))
    // More rows than one slice of the table holds, each with something in its queue.
    const clients = Array.from({ length: 200 }, () => connect({ host: '127.0.0.1', port }))
    for (const client of clients) client.pause()
    while (accepted.length < clients.length) await new Promise(setImmediate)
    for (const socket of accepted) socket.write(Buffer.alloc(8 * 1024 * 1024))
    const tables = TcpTables.open()
    let turns = 0
    let isCounting = true
    const count = (): void => {
      turns += 1
      if (isCounting) setImmediate(count)
    }
    setImmediate(count)
    try {
      for (;;) {
        const queues: SendQueues = (await tables?.read()) ?? new Map()
        if (accepted.every((socket) => queues.has(tableKey(socket) ?? ''))) break
      }
      expect(turns).toBeGreaterThan(2)
    } finally {
      isCounting = false
      tables?.close()
      for (const socket of [...clients, ...accepted]) socket.destroy()
      server.close()
    }
  })
})
