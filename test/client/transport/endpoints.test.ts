import { describe, expect, it } from 'vitest'
import { formatHostPort } from '../../../src/address.js'
import { InvalidOptionError } from '../../../src/client/errors.js'
import {
  classicEndpoint,
  EndpointResolver,
  endpointsFromEnvironment,
  parseEndpoints,
} from '../../../src/client/transport/endpoints.js'

describe('endpoints', () => {
  it('reads lists, IPv6 in brackets and a default port', () => {
    expect(parseEndpoints('a:1, [::1]:2,b')).toEqual([
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
      { host: 'b', port: 7654 },
    ])
    expect(parseEndpoints(['a:1'])).toEqual([{ host: 'a', port: 1 }])
  })

  it.each(['', ',', 'a:0', 'a:99999', 'a:b', '[::1'])('refuses %j', (text) => {
    expect(() => parseEndpoints(text)).toThrow(InvalidOptionError)
  })

  it('takes TNL_ENDPOINTS before TCPNETLOCK_*, and localhost at last', () => {
    const classic = { TCPNETLOCK_HOST: 'old', TCPNETLOCK_PORT: '77' }
    expect(endpointsFromEnvironment({ ...classic, TNL_ENDPOINTS: 'new:1' })).toEqual([{ host: 'new', port: 1 }])
    expect(endpointsFromEnvironment(classic)).toEqual([{ host: 'old', port: 77 }])
    expect(endpointsFromEnvironment({})).toEqual([{ host: 'localhost', port: 7654 }])
  })

  it('does not take the link that Kubernetes makes from a service for a port', () => {
    expect(endpointsFromEnvironment({ TCPNETLOCK_PORT: 'tcp://10.0.0.1:7654' })).toEqual([
      { host: 'localhost', port: 7654 },
    ])
  })

  it('fills what one flag leaves open from the variables', () => {
    expect(classicEndpoint({ TCPNETLOCK_PORT: '77' }, { host: '::1' })).toEqual({ host: '::1', port: 77 })
  })

  it('stands for every address of a name, once, and reports a name that has none', async () => {
    const book = new EndpointResolver([
      { host: 'localhost', port: 1 },
      { host: '127.0.0.1', port: 1 },
      { host: 'no.such.host.invalid', port: 1 },
    ])
    const { found, unresolved } = await lookAt(book)
    expect(found.filter((address) => address === '127.0.0.1:1')).toHaveLength(1)
    expect(unresolved).toEqual(['no.such.host.invalid'])
  })

  it('uses what a name stood for before when the resolver fails, and asks it once at a time', async () => {
    const answers: { resolve: (found: string[]) => void; reject: (error: Error) => void }[] = []
    const book = new EndpointResolver(
      [{ host: 'n1', port: 1 }],
      () => new Promise((resolve, reject) => answers.push({ resolve, reject })),
    )
    const first = lookAt(book)
    const meanwhile = lookAt(book)
    expect(answers).toHaveLength(1)
    answers[0]?.resolve(['10.0.0.1'])
    expect((await first).found).toEqual(['10.0.0.1:1'])
    expect((await meanwhile).found).toEqual(['10.0.0.1:1'])
    const inAnOutage = lookAt(book)
    answers[1]?.reject(new Error('EAI_AGAIN'))
    expect(await inAnOutage).toEqual({ found: ['10.0.0.1:1'], unresolved: [] })
    const moved = lookAt(book)
    answers[2]?.resolve(['10.0.0.2'])
    expect((await moved).found).toEqual(['10.0.0.1:1', '10.0.0.2:1'])
  })
})

async function lookAt(book: EndpointResolver): Promise<{ found: string[]; unresolved: string[] }> {
  const found: string[] = []
  const unresolved: string[] = []
  await Promise.all(
    book.look({
      found: (address) => found.push(formatHostPort(address)),
      unresolved: (host) => unresolved.push(host),
    }),
  )
  return { found, unresolved }
}
