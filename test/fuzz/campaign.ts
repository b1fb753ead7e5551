/**
 * A campaign of many runs: each adds a line to a file, and the page is written from all of them. Ten million inputs are run in
 * parts, on a machine that has other things to do.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ProcessWatch } from './process-watch.js'
import type { Tally } from './tally.js'

const RECORDS = 'docs/evidence/fuzz.jsonl'
const PAGE = 'docs/evidence/fuzz.md'

interface AreaRecord {
  readonly through: string
  readonly what: string
  readonly cases: number
  readonly inputs: number
  readonly failed: number
}

interface RunRecord {
  readonly seed: number
  readonly cpuSeconds: number
  readonly heapMib: { readonly first: number; readonly highest: number }
  readonly areas: Readonly<Record<string, AreaRecord>>
}

/** Adds this run to the campaign, and writes its page anew. */
export function record(seed: number, tallies: readonly Tally[], watch: ProcessWatch): void {
  const { user, system } = process.cpuUsage()
  const rows = tallies.map(({ area, cases, inputs, failed }) => {
    const { name, through, what } = area
    return [name, { through, what, cases, inputs, failed }] as const
  })
  const heapMib = { first: Math.round(watch.firstMib), highest: Math.round(watch.highestMib) }
  const run: RunRecord = {
    seed,
    cpuSeconds: Math.round((user + system) / 1e6),
    heapMib,
    areas: Object.fromEntries(rows),
  }
  appendFileSync(RECORDS, `${JSON.stringify(run)}\n`)
  writeFileSync(PAGE, page(readRuns()))
}

function readRuns(): readonly RunRecord[] {
  if (!existsSync(RECORDS)) return []
  const lines = readFileSync(RECORDS, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunRecord)
}

const grouped = (number: number): string => number.toLocaleString('en-US')

function page(runs: readonly RunRecord[]): string {
  const names = [...new Set(runs.flatMap(({ areas }) => Object.keys(areas)))]
  const all = runs.flatMap(({ areas }) => Object.values(areas))
  const sum = (records: readonly AreaRecord[], field: 'cases' | 'inputs' | 'failed'): number =>
    records.reduce((total, one) => total + one[field], 0)
  const ofSockets = all.filter(({ through }) => through.endsWith('sockets'))
  const ofTls = all.filter(({ through }) => through === 'TLS sockets')
  const rows = names.map((name) => {
    const records = runs.flatMap(({ areas }) => areas[name] ?? [])
    const { what = '', through = '' } = records.at(-1) ?? {}
    const counts = (['cases', 'inputs', 'failed'] as const).map((field) => grouped(sum(records, field)))
    return `| \`${name}\` | ${what} | ${through} | ${counts.join(' | ')} |`
  })
  const cpuSeconds = runs.reduce((total, run) => total + run.cpuSeconds, 0)
  const highest = Math.max(...runs.map(({ heapMib }) => heapMib.highest))
  const growth = Math.max(...runs.map(({ heapMib }) => heapMib.highest - heapMib.first))
  return `# What the fuzzer fed

Written by \`npm run fuzz -- --write\`, which adds each run to [its records](fuzz.jsonl);
[what the areas are](../testing.md#the-fuzzer).

How to read it, and what it does not say:

1. An input is a line, a frame, a request, a handshake, a command, a setting, a certificate's text or a damaged directory; a
   case is some hundred of them from one seed, and a failed case is one after which something did not hold:
   [found.md](found.md) tells what it was.
2. What holds: nothing escapes from the product's code or ends a node, whoever is honest is served beside it, no answer, log line
   or audit line has a token, a session's secret or a hidden name in it, sessions, waiters, connections, descriptors and timers
   return to what they were, and so does the heap after a collection, but for 64 MiB.
3. Over sockets means whole nodes with their own ports, disk, TLS, auth file, audit and logs, in the process of the fuzzer; in
   memory means the same code behind the sockets, in virtual time, where all is the same again for the same seed.
4. The inputs know the grammar and what the node has told them, but nothing looks at which code they reach: there is no
   feedback, and what no generator thinks of is never fed.
5. One process feeds one node at a time, so a flood from many machines, slow networks and a real kernel's limits are for
   [the hardening trials](../testing.md#hardening), and faults of disks and peers for [the simulator](simulator.md).

${grouped(sum(all, 'inputs'))} inputs in ${runs.length} runs (first seed of each: ${seeds(runs)}), of them ${grouped(sum(ofSockets, 'inputs'))} over
sockets and ${grouped(sum(ofTls, 'inputs'))} of these over TLS; ${grouped(sum(all, 'failed'))} of ${grouped(sum(all, 'cases'))} cases failed.
${grouped(cpuSeconds)} s of one processor; the heap had at most ${highest} MiB, and at most ${growth} MiB more than at the first look of its run.

| area | what is fed to what | through | cases | inputs | failed |
|---|---|---|---:|---:|---:|
${rows.join('\n')}
`
}

function seeds(runs: readonly RunRecord[]): string {
  const sorted = runs.map(({ seed }) => seed).sort((a, b) => a - b)
  const [first, second] = sorted
  return sorted.length < 4 ? sorted.join(', ') : `${first}, ${second} to ${sorted.at(-1)}`
}
