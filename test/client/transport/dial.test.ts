import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseHostPort } from '../../../src/address.js'
import { NoEndpointError } from '../../../src/client/errors.js'
import { type DialPlan, reach } from '../../../src/client/transport/dial.js'
import { EndpointResolver } from '../../../src/client/transport/endpoints.js'
import { Link, LinkError } from '../../../src/client/transport/link.js'
import { formatLine } from '../../../src/protocol/line.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'

/** Nobody listens at port 1. */
const NOBODY = '127.0.0.1:1'

let cluster: FakeCluster
let node: FakeNode
const links: Link[] = []

beforeEach(async () => {
  cluster = new FakeCluster()
  node = await cluster.addNode()
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const link of links.splice(0)) link.reset()
  await cluster.close()
})

type Lookups = Readonly<Record<string, () => Promise<readonly string[]>>>

async function search(
  endpoints: readonly string[],
  lookups: Lookups = {},
  plan: Partial<DialPlan<string>> = {},
): Promise<string> {
  const { link } = await reach<string>({
    addresses: new EndpointResolver(
      endpoints.map((text) => parseHostPort(text)),
      (host) => lookups[host]?.() ?? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${host}`)),
    ),
    opening: () => formatLine('hello', { version: 2 }),
    welcomed: () => '',
    budgetMs: 20_000,
    answerTimeoutMs: 2_000,
    signal: new AbortController().signal,
    ...plan,
  })
  links.push(link)
  return link.address
}

const never = (): Promise<never> => new Promise(() => {})

/** Connecting to `hanging` never comes to an end; returns what was dialled. */
function hangAt(hanging: string): string[] {
  const dialled: string[] = []
  const dial = Link.dial
  vi.spyOn(Link, 'dial').mockImplementation((address, timeoutMs, signal) => {
    const text = `${address.host}:${address.port}`
    dialled.push(text)
    if (text !== hanging) return dial(address, timeoutMs, signal)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new LinkError('given up'))))
  })
  return dialled
}

describe('looking for a node', () => {
  it('does not wait for a name that nobody resolves while an address answers', async () => {
    expect(await search(['hangs:1', node.address, NOBODY], { hangs: never })).toBe(node.address)
  })

  it('goes on round after round with the addresses while a name hangs', async () => {
    node.mood = { kind: 'say', words: 'err,code:busy\n' }
    const found = search(['hangs:1', node.address], { hangs: never })
    await node.until(() => node.received.length >= 3)
    node.mood = { kind: 'serve' }
    expect(await found).toBe(node.address)
  })

  it('uses a name that is resolved late', async () => {
    let resolved: (addresses: string[]) => void = () => {}
    const { port } = parseHostPort(node.address)
    const found = search([NOBODY, `slow:${port}`], { slow: () => new Promise((resolve) => (resolved = resolve)) })
    // Long after the other endpoint has refused.
    await new Promise((resolve) => setTimeout(resolve, 400))
    resolved(['127.0.0.1'])
    expect(await found).toBe(node.address)
  })

  it('does not wait for an address that hangs: the next is tried beside it', async () => {
    const dialled = hangAt(NOBODY)
    expect(await search([NOBODY, node.address])).toBe(node.address)
    expect(dialled).toEqual([NOBODY, node.address])
  })

  it('opens at one node at a time', async () => {
    const second = await cluster.addNode()
    const dialled = hangAt(NOBODY)
    node.mood = { kind: 'silent' }
    expect(await search([NOBODY, node.address, second.address], {}, { answerTimeoutMs: 300 })).toBe(second.address)
    expect(dialled).toEqual([NOBODY, node.address, second.address])
    expect([node.received.length, second.received.length]).toEqual([1, 1])
  })

  it('ends at once where nobody listens and nobody wants to wait, whatever a name may still stand for', async () => {
    const plan = { refusalIsFinal: true, budgetMs: 3_600_000 }
    await expect(search([NOBODY], {}, plan)).rejects.toMatchObject({ failures: [{ refused: true }] })
    const error: unknown = await search([NOBODY, 'hangs:1'], { hangs: never }, plan).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NoEndpointError)
    expect(String(error)).toMatch(/hangs: the name is being looked up still/)
  })

  it('ends at once where a token would be read by others everywhere, and says nothing there', async () => {
    const opening = (): string => {
      throw new LinkError('not in plain text', 'insecure')
    }
    const asked = search([node.address], {}, { opening, hopelessIsFinal: true })
    await expect(asked).rejects.toMatchObject({ code: 'TNL_INSECURE', failures: [{ reason: 'not in plain text' }] })
    // Somewhere else nobody listens yet, and may do so later.
    const plan = { opening, hopelessIsFinal: true, budgetMs: 300 }
    await expect(search([node.address, NOBODY], {}, plan)).rejects.toMatchObject({ code: 'TNL_NO_ENDPOINT' })
    expect(node.received).toEqual([])
  })

  it('says that nobody listened, not that the time was too short in the end', async () => {
    const error: unknown = await search([NOBODY], {}, { budgetMs: 400 }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ failures: [{ address: NOBODY, refused: true }] })
    const cut = vi.spyOn(Link, 'dial')
    cut.mockRejectedValueOnce(new LinkError('connect ECONNREFUSED', 'refused'))
    cut.mockImplementation((_, timeoutMs) => {
      // Timers may be a moment early.
      const early = Math.max(0, timeoutMs - 1)
      return new Promise((_, reject) => setTimeout(() => reject(new LinkError(Link.CONNECT_TIMEOUT)), early))
    })
    const cutShort: unknown = await search([NOBODY], {}, { budgetMs: 400 }).catch((reason: unknown) => reason)
    expect(cutShort).toMatchObject({ failures: [{ address: NOBODY, refused: true }] })
  })

  it('tells that it tries on', async () => {
    const told: string[] = []
    const found = search([NOBODY, node.address], {}, { roundFailed: ([first]) => told.push(first?.address ?? '') })
    node.mood = { kind: 'say', words: 'err,code:busy\n' }
    await node.until(() => node.received.length >= 2)
    node.mood = { kind: 'serve' }
    await found
    expect(told).toContain(NOBODY)
  })
})
