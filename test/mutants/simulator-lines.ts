/**
 * A process of its own: runs the simulator's first seeds and writes which lines of `src` each of them ran, as the engine's
 * counters of blocks say (domain Profiler of the DevTools protocol). What it writes is a `SimulatorLines`, as JSON.
 *
 * Arguments: how many seeds, and the file. Needs `--no-opt`, and `--no-maglev` for the other optimising compiler of newer
 * engines: calls of a function without branches are not counted any more once it is optimised. A constructor that every
 * connection runs seemed to be run by 31 seeds of 200.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decode } from '@jridgewell/sourcemap-codec'
import type { SimulatorLines } from './simulator-reach.js'
import { ROOT } from './workspace.js'

const SOURCES = new URL('../../src/', import.meta.url).href
const INLINE_MAP = /^data:application\/json;base64,/

/** A script as it was loaded, with the line of the source, from 1 on, that each mapped place of it comes from. */
interface Script {
  readonly file: string
  readonly places: readonly { readonly offset: number; readonly line: number }[]
}

interface Range {
  readonly begin: number
  readonly end: number
  readonly count: number
}

const session = new Session()
session.connect()

/** Loads all that a seed runs; by script id. */
async function loadScripts(): Promise<Map<string, Script>> {
  const parsed: { readonly id: string; readonly url: string; readonly map: string }[] = []
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url, sourceMapURL = '' } }) => {
    if (url.startsWith(SOURCES)) parsed.push({ id: scriptId, url, map: sourceMapURL })
  })
  await session.post('Debugger.enable')
  await import('../sim/simulation.js')
  const scripts = new Map<string, Script>()
  for (const { id, url, map } of parsed) {
    const { scriptSource } = await session.post('Debugger.getScriptSource', { scriptId: id })
    const { mappings } = JSON.parse(Buffer.from(map.replace(INLINE_MAP, ''), 'base64').toString()) as SourceMap
    scripts.set(id, { file: relative(ROOT, fileURLToPath(url)), places: placesOf(scriptSource, mappings) })
  }
  // What it costs would be paid by every seed.
  await session.post('Debugger.disable')
  return scripts
}

interface SourceMap {
  readonly mappings: string
}

function placesOf(text: string, mappings: string): Script['places'] {
  const places: { offset: number; line: number }[] = []
  let lineBegin = 0
  for (const segments of decode(mappings)) {
    for (const [column, , line] of segments) {
      if (line !== undefined) places.push({ offset: lineBegin + column, line: line + 1 })
    }
    lineBegin = text.indexOf('\n', lineBegin) + 1
  }
  return places
}

/** By script, the ranges that were counted since the last call; the counters begin anew. */
async function takeRanges(scripts: ReadonlyMap<string, Script>): Promise<Map<string, Range[]>> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const taken = new Map<string, Range[]>()
  for (const { scriptId, functions } of result) {
    if (!scripts.has(scriptId)) continue
    const ranges = functions.flatMap((each) => each.ranges)
    taken.set(
      scriptId,
      ranges.map(({ startOffset, endOffset, count }) => ({ begin: startOffset, end: endOffset, count })),
    )
  }
  return taken
}

/** Ranges nest: the shortest one around a place is the one that counts it. Null: none is around it. */
function innermost(ranges: readonly Range[], offset: number): Range | null {
  let found: Range | null = null
  for (const range of ranges) {
    if (offset < range.begin || offset >= range.end) continue
    if (found === null || range.end - range.begin <= found.end - found.begin) found = range
  }
  return found
}

const isWholeScript = (range: Range, ranges: readonly Range[]): boolean =>
  range.begin === 0 && ranges.every(({ end }) => end <= range.end)

async function measure(seedCount: number): Promise<SimulatorLines> {
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const scripts = await loadScripts()
  const { runSeed } = await import('../sim/simulation.js')
  const files: Record<string, Record<number, 'always' | number[]>> = {}
  for (const { file } of scripts.values()) files[file] = {}

  // A module's own code runs when it is loaded: what stands there is in force in every seed.
  for (const [id, ranges] of await takeRanges(scripts)) {
    const { file, places } = scripts.get(id) as Script
    const reach = files[file] ?? {}
    for (const { offset, line } of places) {
      const range = innermost(ranges, offset)
      if (range === null || isWholeScript(range, ranges)) reach[line] = 'always'
      else reach[line] ??= []
    }
  }
  const hashes: string[] = []
  let violation: string | null = null
  for (let seed = 1; seed <= seedCount; seed++) {
    const ended = await runSeed(seed)
    hashes.push(ended.hash)
    if (ended.violation !== null) violation ??= `seed ${seed}: ${ended.violation}`
    for (const [id, ranges] of await takeRanges(scripts)) {
      const { file, places } = scripts.get(id) as Script
      const reach = files[file] ?? {}
      for (const { offset, line } of places) {
        const seeds = reach[line]
        if (seeds === undefined || seeds === 'always' || seeds.at(-1) === seed) continue
        if ((innermost(ranges, offset)?.count ?? 0) > 0) seeds.push(seed)
      }
    }
  }
  return { hashes, violation, files }
}

for (const flag of ['--no-opt', '--no-maglev'])
  if (!process.execArgv.includes(flag)) throw new Error(`without ${flag} the counters miss calls`)
const [seedsText = '', out = ''] = process.argv.slice(2)
writeFileSync(out, JSON.stringify(await measure(Number(seedsText))))
