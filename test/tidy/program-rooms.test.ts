/** The programs: one room each, which knows no other program. What several of them use has a room with a name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const CLI = fileURLToPath(new URL('../../src/cli', import.meta.url))

/** Each room of `src/cli`, and the rooms that it may know. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // What Node does not offer: processes, the C library, the handle below a socket.
  system: [],
  shared: ['system'],
  // What tnl-do and its guardian say to each other.
  guarding: [],
  do: ['guarding', 'shared', 'system'],
  guardian: ['guarding', 'shared', 'system'],
  client: ['shared'],
  server: ['system'],
  access: ['shared'],
  admin: ['shared'],
  bench: ['shared'],
  cluster: ['shared'],
  reads: ['shared'],
  // `execute` and `elect` run a command as tnl-do does.
  lock: ['do', 'reads', 'shared'],
  completion: ['shared'],
  snapshot: ['shared'],
  top: ['admin', 'reads', 'shared'],
  // `tnl` alone is made of others.
  tnl: [
    'access',
    'admin',
    'bench',
    'client',
    'cluster',
    'completion',
    'do',
    'lock',
    'reads',
    'shared',
    'snapshot',
    'top',
  ],
}

const roomsIn = (text: string): string[] =>
  [...text.matchAll(/from '\.\.\/([a-z]+)\/[^']+'/g)].map(([, room = '']) => room)

describe('the rooms of the programs', () => {
  it('are those of the table', () => {
    const folders = readdirSync(CLI, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(ROOMS).sort())
  })

  it.each(Object.entries(ROOMS))('%s knows no other than %s', (room, known) => {
    const wrong = readdirSync(join(CLI, room)).flatMap((file) =>
      roomsIn(readFileSync(join(CLI, room, file), 'utf8'))
        .filter((other) => !known.includes(other))
        .map((other) => `${file} knows ${other}`),
    )
    expect(wrong).toEqual([])
  })

  it('hold everything but the entries, which do no more than begin', () => {
    const entries = readdirSync(CLI).filter((file) => file.endsWith('.ts'))
    expect(entries.sort()).toEqual(['guardian.ts', 'tnl-client.ts', 'tnl-do.ts', 'tnl-server.ts', 'tnl.ts'])
    for (const entry of entries) expect(readFileSync(join(CLI, entry), 'utf8').split('\n').length).toBeLessThan(25)
  })

  it('keep the handle below a socket in one file', () => {
    const users = Object.keys(ROOMS).flatMap((room) =>
      readdirSync(join(CLI, room)).filter((file) => /\b_handle\b/.test(readFileSync(join(CLI, room, file), 'utf8'))),
    )
    expect(users).toEqual(['raw-handle.ts'])
    expect(existsSync(join(CLI, 'system/raw-handle.ts'))).toBe(true)
  })
})
