/** Nothing wakes a node that does not look at the clock first (rules.md rule 7): what the types of sources cannot see. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const files = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** A client's bytes, its end and its connection come in by these; what only logs or binds may stay as it is. */
const LISTENERS =
  /\.(?:on|once)\(\s*'(\w+)',(?!\s*looking\()|\b(?:createServer|listen)\(\s*(?:address|options),(?!\s*looking\()/g
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  'src/server/sockets/listen.ts': ['error'],
}

function careless(file: string, text: string): string[] {
  const found = [...text.matchAll(LISTENERS)].map(([, event]) => event ?? 'connection')
  return found.filter((event) => !(HARMLESS[file] ?? []).includes(event)).map((event) => `${file}: ${event}`)
}

describe('every event begins with a look at the clock', () => {
  it('at the sockets of clients', () => {
    const all = [...files('src/server/clients'), ...files('src/server/sockets')]
    expect(all.length).toBeGreaterThan(5)
    expect(all.flatMap((file) => careless(file, textOf(file)))).toEqual([])
  })

  it('which this test would notice', () => {
    const line = "    socket.on('timeout', () => this.#onTimeout())"
    expect(careless('src/server/sockets/tcp-client-socket.ts', line)).toHaveLength(1)
    expect(careless('src/server/clients/client-port.ts', 'createServer(options, (s) => this.#accept(s))')).toHaveLength(
      1,
    )
  })

  it('nothing else than the wrappers claims that it does', () => {
    const claims = files('src').filter((file) => /\bas LooksFirst\b/.test(textOf(file)))
    expect(claims).toEqual(['src/raft/ports/looks-first.ts', 'src/service/leases/epoch-records.ts'])
  })

  it('nothing that serves holds the clock of the machine itself', () => {
    const holders = files('src').filter((file) => /\bnew SystemClock\(/.test(textOf(file)))
    expect(holders).toEqual(['src/server/main.ts'])
  })
})
