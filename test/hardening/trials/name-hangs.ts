/** One endpoint is a name whose lookup hangs (10 s, as resolvers do): it must not matter to the other three. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Trial } from '../trial.js'

const PROGRAM = join(import.meta.dirname, '..', 'programs', 'among-hanging-names.ts')
/** Half of what the resolver takes by its defaults; the programs need less than a second of it on a quiet machine. */
const LIMIT_MS = 5_000

export const trial: Trial = {
  name: 'name-hangs',
  expected: `one endpoint of four is a name whose lookup hangs: tnl-do runs its command and ends, tnl status ends, within ${LIMIT_MS / 1000} s`,
  inShortForm: true,
  async run() {
    const inside = ['--mount', '--net', process.execPath, '--import', 'tsx', PROGRAM]
    const words = process.getuid?.() === 0 ? inside : ['--user', '--map-root-user', ...inside]
    const { stdout, status, error } = spawnSync('unshare', words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (error !== undefined || status !== 0)
      return { ok: false, seen: `no namespaces here (unshare: ${error ?? status})` }
    const runs = [...stdout.matchAll(/^(\S+) (\S+) (\d+) (\d+)$/gm)]
    const ok = runs.length === 2 && runs.every(([, , code, , endMs]) => code === '0' && Number(endMs) <= LIMIT_MS)
    const seen = runs.map(
      ([, program, code, firstMs, endMs]) => `${program}: first word ${firstMs} ms, end ${endMs} ms, status ${code}`,
    )
    return { ok, seen: seen.join('; ') }
  },
}
