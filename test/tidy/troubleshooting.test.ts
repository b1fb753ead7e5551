/** docs/operations/troubleshooting.md has a row for whatever a program may end with, refuse, or be alerted of; and no other. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { ClientExit, DoExit, LockExit, TnlExit } from '../../src/cli/shared/exit-statuses.js'
import { NOT_GRANTED_REASONS } from '../../src/client/errors.js'
import { ADMIN_CODES } from '../../src/protocol/admin-codes.js'
import { ERROR_CODES } from '../../src/protocol/error-codes.js'
import { ExitCode } from '../../src/server/exit-codes.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/operations/troubleshooting.md')

/** The first cells of the table behind `title`, as they stand there. */
function rowsBehind(title: string): string[] {
  const [, after = ''] = page.split(`${title}\n`)
  const [, table = ''] = /\n\|[-|]+\n((?:\|.*\n)+)/.exec(after) ?? []
  return [...table.matchAll(/^\| (.*?) \|/gm)].map(([, cell = '']) => cell.replaceAll('`', ''))
}

const statuses = (program: string, of: Readonly<Record<string, number>>): string[] =>
  Object.values(of).map((status) => `${program} ${status}`)

interface Alerts {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[]
}

it.each([
  ['## Exit status of a node', Object.values(ExitCode).map(String)],
  [
    '## Exit status of a command',
    [
      ...[statuses('tnl-do', DoExit), statuses('tnl-client', ClientExit)],
      ...[statuses('tnl', TnlExit), statuses('tnl lock', LockExit)],
    ].flat(),
  ],
  ['`not-granted` with a reason:', [...NOT_GRANTED_REASONS]],
  ['`err` with a code, of locks:', [...ERROR_CODES]],
  ['`err` with a code, of administration:', Object.keys(ADMIN_CODES)],
  [
    '## Alerts',
    (parse(read('deploy/helm/tcpnetlock/files/alerts.yaml')) as Alerts).groups.flatMap(({ rules }) =>
      rules.map(({ alert }) => alert),
    ),
  ],
] as const)('%s', (title, known) => {
  expect(rowsBehind(title).sort()).toEqual([...new Set(known)].sort())
})
