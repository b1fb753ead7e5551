/** Transcripts as text: what a file of this folder says, read into steps (test/README.md has the grammar). */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export type Act =
  /** Each of them opens a session under its own name; their `welcome` is taken. */
  | { readonly kind: 'sessions'; readonly clients: readonly string[] }
  /** The client resets its connection, ends it by a FIN, or is gone with its process. */
  | { readonly kind: 'breaks' | 'fin'; readonly client: string }
  | { readonly kind: 'another leader' }
  /** For what nothing tells of: time itself. */
  | { readonly kind: 'passes'; readonly ms: number }

export type Step =
  | { readonly kind: 'sent' | 'received'; readonly client: string; readonly text: string; readonly at: string }
  | { readonly kind: 'act'; readonly act: Act; readonly at: string }

/** One story, told on connections of its own. The names in it are its own too: all scenes may share a cluster. */
export interface Scene {
  /** FILE/SCENE. */
  readonly id: string
  readonly title: string
  /** Only three processes can tell it: the cluster of the tests has no such lines. */
  readonly needsProcesses: boolean
  readonly steps: readonly Step[]
  /** As it stands in the file, and on a page that shows it. */
  readonly text: string
}

const HEADING = /^== ([a-z0-9-]+): (.+)$/
const SAID = /^(?:([a-z][a-z0-9-]*) ?)?([<>]) ?(.*)$/
const NEEDS_PROCESSES = '* three processes'

/** What a file says. `name` is the file's, without its end. */
export function readScenes(name: string, text: string): readonly Scene[] {
  const scenes: Scene[] = []
  let heading: RegExpExecArray | null = null
  let lines: { readonly text: string; readonly at: string }[] = []
  const end = (): void => {
    if (heading !== null) scenes.push(scene(name, heading[1] ?? '', heading[2] ?? '', lines))
    lines = []
  }
  for (const [at, line] of text.split('\n').entries()) {
    const next = HEADING.exec(line)
    if (next !== null) {
      end()
      heading = next
    } else if (heading !== null) lines.push({ text: line.trimEnd(), at: `${name}.txt:${at + 1}` })
    else if (line !== '' && !line.startsWith('#')) throw new Error(`${name}.txt:${at + 1}: before the first scene`)
  }
  end()
  return scenes
}

function scene(
  file: string,
  name: string,
  title: string,
  lines: readonly { readonly text: string; readonly at: string }[],
): Scene {
  const shown = lines.filter(({ text }) => !text.startsWith('#') && text !== NEEDS_PROCESSES)
  return {
    id: `${file}/${name}`,
    title,
    needsProcesses: lines.some(({ text }) => text === NEEDS_PROCESSES),
    steps: shown.filter(({ text }) => text !== '').map(({ text, at }) => step(text, at)),
    text: `${shown
      .map(({ text }) => text)
      .join('\n')
      .trim()}\n`,
  }
}

function step(text: string, at: string): Step {
  if (text.startsWith('* ')) return { kind: 'act', act: act(text.slice(2), at), at }
  const [, client = '', way, said = ''] = SAID.exec(text) ?? []
  if (way === undefined) throw new Error(`${at}: not a line of a transcript: ${text}`)
  return { kind: way === '>' ? 'sent' : 'received', client, text: said, at }
}

function act(text: string, at: string): Act {
  const sessions = /^sessions: ([a-z0-9 -]+)$/.exec(text)
  if (sessions !== null) return { kind: 'sessions', clients: (sessions[1] ?? '').split(' ') }
  const ended = /^(?:([a-z][a-z0-9-]*) )?(breaks|fin)$/.exec(text)
  if (ended !== null) return { kind: ended[2] === 'fin' ? 'fin' : 'breaks', client: ended[1] ?? '' }
  if (text === 'another leader') return { kind: 'another leader' }
  const passes = /^(\d+(?:\.\d+)?) s pass$/.exec(text)
  if (passes !== null) return { kind: 'passes', ms: Number(passes[1]) * 1_000 }
  throw new Error(`${at}: nothing that can happen in a transcript: ${text}`)
}

/** Every scene of this folder. */
export function allScenes(): readonly Scene[] {
  const folder = import.meta.dirname
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
  return files.flatMap((file) => readScenes(basename(file, '.txt'), readFileSync(join(folder, file), 'utf8')))
}
