/**
 * The dashboard in a real browser, over a real node that has 50,000 locks, while another reader stands still. Needs Chromium
 * (Debian: chromium), or `TNL_CHROMIUM` says where one is.
 */
import { connect } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, CHROMIUM_WORDS } from '../kit/chromium.js'
import { OneServer } from '../kit/one-server.js'
import { Wire } from '../kit/wire.js'

const LOCKS = 50_000
const NAMES_PER_REQUEST = 64
/** A session's locks; less than it may have. */
const PER_SESSION = 9_984
const PAGE_ROWS = 50
/** A machine that does other things as well starts a browser in its own time. */
const SLOW_MS = 180_000
const LONG_NAME = `long/${'x'.repeat(250)}`
const HOSTILE = '<img src=x onerror="document.title=1">'

async function session(port: number, client: string): Promise<Wire> {
  const wire = await Wire.open(port)
  wire.send(`hello,version:2,client-id:${client},lease:600,from:unknown,redirect:no\n`)
  expect(await wire.line()).toMatch(/^welcome,/)
  return wire
}

/** As many locks as it is told, in few requests. */
async function hold(wire: Wire, prefix: string, count: number): Promise<void> {
  let taken = 0
  for (let id = 1; taken < count; id += 1) {
    const names = Array.from({ length: Math.min(NAMES_PER_REQUEST, count - taken) }, (_, at) => {
      return `name:${prefix}/${String(taken + at).padStart(5, '0')}`
    })
    wire.send(`lock,id:${id},ack:${id - 1},${names.join(',')}\n`)
    for (const _ of names) expect(await wire.line()).toMatch(/^ok,/)
    taken += names.length
  }
}

describe.runIf(CHROMIUM !== undefined)('the dashboard in a browser', () => {
  let server: OneServer
  let browser: Browser
  let base: string
  let holder: Wire
  let waiter: Wire
  const strangers = new Set<string>()
  const complaints: string[] = []

  beforeAll(async () => {
    server = await OneServer.start({ http: true, words: ['--max-locks-per-session', '10000'] })
    base = `http://127.0.0.1:${server.httpPort}`
    const fill = Array.from({ length: Math.ceil(LOCKS / PER_SESSION) }, async (_, at) => {
      const wire = await session(server.port, `worker-${at}`)
      await hold(wire, `shard${at}`, Math.min(PER_SESSION, LOCKS - at * PER_SESSION))
    })
    await Promise.all(fill)
    holder = await session(server.port, 'needle-holder')
    waiter = await session(server.port, 'patient')
    holder.send(`lock,id:1,name:deploy/needle,meta:${HOSTILE}\nlock,id:2,name:${LONG_NAME}\n`)
    for (let i = 0; i < 2; i += 1) expect(await holder.line()).toMatch(/^ok,/)
    waiter.send('lock,id:1,name:deploy/needle,wait:forever\n')
    expect(await waiter.line()).toMatch(/^queued,/)
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', headless: true, args: [...CHROMIUM_WORDS] })
  }, SLOW_MS)

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  async function open(hash: string, look: { width?: number; colorScheme?: 'light' | 'dark' } = {}): Promise<Page> {
    const { width = 1_280, colorScheme = 'light' } = look
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme })
    page.setDefaultTimeout(SLOW_MS / 2)
    page.on('request', (request) => {
      if (!request.url().startsWith(`${base}/`)) strangers.add(request.url())
    })
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => void complaints.push(error.message))
    await page.goto(`${base}/${hash}`)
    return page
  }

  const names = (page: Page): Promise<string[]> => page.locator('[data-test=locks] .name').allTextContents()
  const inTime = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: SLOW_MS / 2 })
  const waitFor = (page: Page, text: string) => page.getByText(text, { exact: false }).first().waitFor()

  it(
    'shows a page of 50,000 locks, goes on to the next, and finds one among all',
    async () => {
      const page = await open('#/')
      await page
        .locator('[data-test=locks] tbody tr')
        .nth(PAGE_ROWS - 1)
        .waitFor()
      expect(await page.locator('[data-test=held]').textContent()).toBe('50,002')
      expect(await page.locator('[data-test=waiting]').textContent()).toBe('1')
      expect(await page.locator('[data-test=health]').textContent()).toContain('Healthy')
      expect(await page.locator('[data-test=node]').count()).toBe(1)
      const first = await names(page)
      expect(first).toHaveLength(PAGE_ROWS)
      expect(first).toEqual([...first].sort())
      await page.locator('[data-test=next]').click()
      await waitFor(page, `${PAGE_ROWS + 1}–${2 * PAGE_ROWS}`)
      const second = await names(page)
      expect(second).toHaveLength(PAGE_ROWS)
      expect(second.filter((name) => first.includes(name))).toEqual([])

      await page.getByRole('searchbox').fill('HARD3/04242')
      await inTime(() => names(page)).toEqual(['shard3/04242'])
      await page.getByRole('searchbox').fill('needle-holder')
      await inTime(() => names(page)).toEqual(['deploy/needle', LONG_NAME])
      await page.getByRole('checkbox').check()
      await inTime(() => names(page)).toEqual(['deploy/needle'])
      await page.close()
    },
    SLOW_MS,
  )

  it(
    'shows who has a lock, who waits and why, and follows what happens to it',
    async () => {
      const page = await open('#/lock/deploy%2Fneedle')
      await page.locator('[data-test=queue] li').waitFor()
      for (const text of ['needle-holder', 'patient', 'is held by needle-holder', HOSTILE]) await waitFor(page, text)
      // What a client wrote is text.
      expect(await page.locator('img[src=x]').count()).toBe(0)
      expect(await page.title()).toBe('deploy/needle · TcpNetLock')
      holder.send('release,id:3,name:deploy/needle\n')
      expect(await holder.line()).toMatch(/^released,/)
      await page.locator('[data-test=history] li').waitFor()
      expect(await page.locator('[data-test=history] li').textContent()).toContain('needle-holder')
      expect(await page.locator('[data-test=queue]').count()).toBe(0)
      await page.close()
    },
    SLOW_MS,
  )

  it(
    'can be read on a phone, by day and by night',
    async () => {
      const grounds = new Set<string>()
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const [hash, there] of [
          ['#/', '[data-test=locks] tbody tr'],
          ['#/sessions', '[data-test=sessions] tbody tr'],
          [`#/lock/${encodeURIComponent(LONG_NAME)}`, 'h1'],
        ] as const) {
          const page = await open(hash, { width: 390, colorScheme })
          await page.locator(there).first().waitFor()
          const { wide, ground } = await page.evaluate<{ wide: number; ground: string }>(
            '({ wide: document.documentElement.scrollWidth, ground: getComputedStyle(document.body).backgroundColor })',
          )
          expect(wide, hash).toBeLessThanOrEqual(390)
          grounds.add(ground)
          await page.close()
        }
      }
      expect(grounds.size).toBe(2)
    },
    SLOW_MS,
  )

  it(
    'lives beside readers that stand still, and says when its node is gone',
    async () => {
      const standing = ['/dashboard/feed', '/v1/events', '/v1/locks'].map((path) => {
        const socket = connect(server.httpPort, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.pause()
        socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
        return socket
      })
      const page = await open('#/')
      await page.locator('[data-test=locks] tbody tr').first().waitFor()
      const busy = await session(server.port, 'busy')
      await hold(busy, 'during', 640)
      await inTime(() => page.locator('[data-test=held]').textContent()).toBe('50,642')
      await server.program.end()
      await waitFor(page, 'Not connected')
      for (const socket of standing) socket.destroy()
      await page.close()
    },
    SLOW_MS,
  )

  it('asked nobody but its node, and nothing was forbidden to it', () => {
    expect([...strangers]).toEqual([])
    // The node is gone at the end.
    expect(complaints.filter((text) => !/ERR_(?:CONNECTION|INCOMPLETE|EMPTY)/.test(text))).toEqual([])
  })
})
