import { describe, expect, it } from 'vitest'
import type { ConnectionContext } from '../../../src/service/dialects/connection-context.js'
import { addressFor, redirectAddress } from '../../../src/service/dialects/redirects.js'

const HERE = { loopback: true }
const ELSEWHERE = { loopback: false }

describe('where a client is sent', () => {
  it.each(['localhost:7654', '127.0.0.1:7654', '[::1]:7654', '0.0.0.0:7654', '[::]:7654', '[::ffff:127.0.0.1]:7654'])(
    'is never its own machine: %s',
    (address) => {
      expect(addressFor(ELSEWHERE, address)).toBe(null)
      expect(addressFor(HERE, address)).toBe(address)
    },
  )

  it.each(['n1:7654', '10.0.0.1:7654', '[2001:db8::1]:7654'])(
    'is any address that means the same everywhere: %s',
    (address) => {
      expect(addressFor(ELSEWHERE, address)).toBe(address)
    },
  )

  it('is the leader if the client may go there, and here otherwise', () => {
    const context = (address: string) =>
      ({
        nodeId: 'n2',
        leader: () => 'n1',
        state: { nodeAddress: () => address },
        options: { followers: 'redirect' },
      }) as unknown as ConnectionContext
    expect(redirectAddress(context('n1:1'), ELSEWHERE, false)).toBe('n1:1')
    expect(redirectAddress(context('localhost:1'), ELSEWHERE, true)).toBe(null)
    expect(redirectAddress(context('localhost:1'), HERE, false)).toBe('localhost:1')
  })
})
