import { expect, test } from 'vitest'
import { identityNames, subjectOf } from '../../src/sockets/tls/subject.js'

const named = (subjectaltname: string, cn: unknown = 'deploy') =>
  subjectOf({ subject: { CN: cn }, subjectaltname } as Parameters<typeof subjectOf>[0])

test('a certificate names its URIs, then its common name', () => {
  const subject = named('DNS:n1, URI:tnl://prod/n1, IP Address:127.0.0.1, URI:spiffe://a/b')
  expect(subject).toEqual({ uris: ['tnl://prod/n1', 'spiffe://a/b'], dnsNames: ['n1'], commonName: 'deploy' })
  expect(identityNames(subject)).toEqual(['tnl://prod/n1', 'spiffe://a/b', 'deploy'])
})

test('a name that looks like two is one', () => {
  expect(named('URI:"tnl://prod/x, URI:tnl://prod/n1", DNS:n2')).toMatchObject({
    uris: ['tnl://prod/x, URI:tnl://prod/n1'],
    dnsNames: ['n2'],
  })
})

test('text of another form names nobody', () => {
  expect(named('URI:"tnl://prod/x, URI:tnl://prod/n1').uris).toEqual([])
  expect(named('nonsense, URI:tnl://prod/n1').uris).toEqual([])
})

test('of several common names none is meant', () => {
  expect(identityNames(named('', ['a', 'b']))).toEqual([])
  expect(identityNames(named('', null))).toEqual([])
})

test('a common name that looks like a URI is nobody', () => {
  expect(identityNames(named('URI:spiffe://a/b', 'spiffe://a/admin'))).toEqual(['spiffe://a/b'])
})
