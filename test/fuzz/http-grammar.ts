/** Requests as no browser sends them. */
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { damaged, freeText, nameText, numberText } from './values.js'

/** Some of them show it: whoever has it sees a part of what there is. */
export const HTTP_TOKEN = 'tnl_0000000000000000000000000000000000000000000'

const PATHS = [
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/v1/status',
  '/v1/locks',
  '/v1/members',
  '/v1/locks/a',
  '/v1/check',
  '/v1/check?name=a&token=1',
  '/v1/why/a',
  '/v1/history/a',
  '/v1/sessions',
  '/v1/marks',
  '/v1/freezes',
  '/v1/locks?search=a&contended=yes&limit=3',
  '/v1/events?since=x',
  '/dashboard/dashboard.css',
]
const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PRI',
  'get',
  'G E T',
  '',
  'CONNECT',
]

function path(random: SeededRandom): string {
  const known = random.pick(PATHS)
  if (random.chance(0.4)) return known
  return random.pick([
    ...[
      `${known}?${freeText(random)}`,
      `${known}/${nameText(random)}`,
      `${known}/../..`,
      `//${known}`,
      `http://x${known}`,
    ],
    ...[
      `*`,
      '',
      '?',
      '#',
      `${known}%00`,
      `${known}/%2e%2e/%2e%2e/etc/passwd`,
      '/__proto__',
      '/constructor',
      '\\',
      'x'.repeat(9_000),
    ],
    ...[`${known}?stale=${freeText(random)}`, `${known}?prefix=${nameText(random)}&since=${numberText(random)}`],
  ])
}

function header(random: SeededRandom): string {
  if (random.chance(0.3)) {
    return random.pick([
      `Authorization: Bearer ${HTTP_TOKEN}`,
      `Authorization: bearer  ${HTTP_TOKEN} `,
      `Authorization: Bearer ${HTTP_TOKEN}x`,
      `Authorization: Bearer ${freeText(random)}`,
      `Authorization: Basic ${freeText(random)}`,
      `Authorization: Bearer ${HTTP_TOKEN}\r\nAuthorization: Bearer x`,
      'Authorization:',
      `Host: ${random.pick(['localhost', '127.0.0.1:1', '[::1]', 'evil.example', freeText(random)])}`,
    ])
  }
  return random.pick([
    ...[
      'Host: x',
      'Host:',
      'Host: a\r\nHost: b',
      'Connection: close',
      'Connection: upgrade\r\nUpgrade: h2c',
      'Expect: 100-continue',
    ],
    ...[`Content-Length: ${numberText(random)}`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked, chunked'],
    ...[
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      `X: ${'y'.repeat(random.pick([100, 20_000]))}`,
      ' folded: x',
      'no colon',
    ],
    ...[
      `Range: bytes=0-${numberText(random)}`,
      `Accept: ${freeText(random)}`,
      'If-None-Match: *',
      `Cookie: ${freeText(random)}`,
    ],
  ])
}

export function httpRequest(random: SeededRandom): Buffer {
  const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', '', 'TNL'])
  const headers = Array.from({ length: random.int(5) }, () => header(random))
  if (random.chance(0.7)) headers.unshift('Host: localhost')
  const body = random.chance(0.2)
    ? random.pick(['0\r\n\r\n', 'ffffffffffffffffff\r\nx', '5\r\nhello\r\n0\r\n\r\n', freeText(random)])
    : ''
  const text = `${random.pick(METHODS)} ${path(random)} ${version}\r\n${headers.join('\r\n')}\r\n\r\n${body}`
  const bytes = Buffer.from(text, random.chance(0.5) ? 'utf8' : 'latin1')
  return random.chance(0.2) ? Buffer.from(damaged(random, bytes)) : bytes
}
