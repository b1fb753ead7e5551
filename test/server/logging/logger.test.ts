import { describe, expect, it } from 'vitest'
import {
  LOG_BUFFER_MAX_CHARS,
  LOG_KINDS_MAX_COUNT,
  LOG_REPEATS_MAX_COUNT,
  LOG_REPEATS_WINDOW_MS,
} from '../../../src/server/limits.js'
import { LogOutput, type LogSink } from '../../../src/server/logging/log-output.js'
import { LogRepeats } from '../../../src/server/logging/log-repeats.js'
import { createLogger } from '../../../src/server/logging/logger.js'

/** Takes what is written when the test says so. */
class SlowSink implements LogSink {
  taken = ''
  lastWords = ''
  inFlight: { readonly text: string; done(error: Error | null): void } | null = null
  write(text: string, done: (error: Error | null) => void): void {
    expect(this.inFlight).toBe(null)
    this.inFlight = { text, done }
  }
  writeNow(text: string): void {
    this.lastWords += text
  }
  take(error: Error | null = null): void {
    const write = this.inFlight
    this.inFlight = null
    if (error === null) this.taken += write?.text
    write?.done(error)
  }
  takeAll(): void {
    while (this.inFlight !== null) this.take()
  }
}

function setUp(level: 'debug' | 'info' = 'info') {
  const sink = new SlowSink()
  let nowMs = 0
  const log = createLogger(level, 'n1', { sink, isTerminal: false, nowMs: () => nowMs })
  const lines = () =>
    sink.taken
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return {
    log,
    sink,
    lines,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('a log that is read slowly', () => {
  it('gets every line, in order, with one write at a time', () => {
    const { log, sink, lines } = setUp('debug')
    for (let count = 0; count < 100; count += 1) log.logger.debug({ count }, 'line')
    sink.takeAll()
    expect(lines().map(({ count }) => count)).toEqual(Array.from({ length: 100 }, (_, count) => count))
  })

  it('loses lines beyond the bound, is told how many, and gets later ones', () => {
    const { log, sink, lines } = setUp('debug')
    const text = 'x'.repeat(10_000)
    const fit = Math.floor(LOG_BUFFER_MAX_CHARS / 10_000)
    for (let count = 0; count < 2 * fit; count += 1) log.logger.debug({ text }, 'large')
    sink.takeAll()
    log.logger.info('later')
    sink.takeAll()
    const said = lines()
    const dropped = Number(said.find((line) => 'dropped' in line)?.dropped)
    expect(said.filter(({ msg }) => msg === 'large').length + dropped).toBe(2 * fit)
    expect(dropped).toBeGreaterThan(fit / 2)
    expect(said.at(-1)?.msg).toBe('later')
  })

  it('is told of lines that could not be written, once it can', () => {
    const { log, sink, lines } = setUp()
    log.logger.info('one')
    sink.take(new Error('ENOSPC'))
    log.logger.info('two')
    sink.take(new Error('ENOSPC'))
    log.logger.info('three')
    sink.takeAll()
    expect(lines().map(({ msg, dropped }) => dropped ?? msg)).toEqual(['three', 2])
  })
})

describe('the end of the process', () => {
  it('waits until all is written, but not for ever', async () => {
    const sink = new SlowSink()
    const output = new LogOutput(sink, () => 0)
    await output.flushed(60_000)
    output.write('a\n')
    let isFlushed = false
    const flushed = output.flushed(60_000).then(() => {
      isFlushed = true
    })
    await new Promise(setImmediate)
    expect(isFlushed).toBe(false)
    sink.take()
    await flushed
    output.write('b\n')
    await output.flushed(1)
  })

  it('has last words, unless the log hangs', () => {
    let nowMs = 0
    const sink = new SlowSink()
    const output = new LogOutput(sink, () => nowMs)
    output.write('a\n')
    output.write('b\n')
    output.flushNow()
    expect(sink.lastWords).toBe('b\n')
    nowMs = 60_000
    output.write('c\n')
    output.flushNow()
    expect(sink.lastWords).toBe('b\n')
  })

  it('says what was counted', async () => {
    const { log, sink, lines } = setUp()
    for (let count = 0; count < 100; count += 1) log.logger.warn({ remote: '10.0.0.7:1' }, 'odd')
    const flushed = log.flushed()
    sink.takeAll()
    await flushed
    expect(lines()).toHaveLength(LOG_REPEATS_MAX_COUNT + 1)
    expect(lines().at(-1)).toMatchObject({ repeated: 100 - LOG_REPEATS_MAX_COUNT, remotes: ['10.0.0.7'], level: 40 })
  })
})

describe('repeated lines', () => {
  it('are said again in the next window', () => {
    let nowMs = 0
    const repeats = new LogRepeats(() => nowMs)
    const said = () => Array.from({ length: 20 }, () => repeats.admit('odd', '[::1]:5')).filter(Boolean).length
    expect(said()).toBe(LOG_REPEATS_MAX_COUNT)
    expect(repeats.take(false)).toEqual([])
    nowMs += LOG_REPEATS_WINDOW_MS
    expect(repeats.take(false)).toEqual([{ message: 'odd', times: 20 - LOG_REPEATS_MAX_COUNT, remotes: ['[::1]'] }])
    expect(said()).toBe(LOG_REPEATS_MAX_COUNT)
  })

  it('do not hide others', () => {
    const { log, sink, lines } = setUp()
    for (let count = 0; count < 100; count += 1) log.logger.warn('odd')
    log.logger.warn('another')
    for (let count = 0; count < 10; count += 1) log.logger.error('serious')
    sink.takeAll()
    const words = lines().map(({ msg }) => msg)
    expect(words).toContain('another')
    expect(words.filter((word) => word === 'serious')).toHaveLength(10)
  })

  it('are bounded in kinds: a stranger who makes new ones fills nothing', () => {
    const repeats = new LogRepeats(() => 0)
    let said = 0
    for (let count = 0; count < 10 * LOG_KINDS_MAX_COUNT; count += 1)
      said += repeats.admit(`odd ${count}`, undefined) ? 1 : 0
    expect(said).toBe(LOG_KINDS_MAX_COUNT + LOG_REPEATS_MAX_COUNT)
    expect(repeats.kindCount).toBe(LOG_KINDS_MAX_COUNT + 1)
  })
})
