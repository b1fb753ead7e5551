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
  /** Where the client connects next. */
  | { readonly kind: 'at'; readonly client: string; readonly place: ScenePlace }
  /** What happens to the node to which the client is connected, or was when it was connected last. */
  | { readonly kind: 'node'; readonly client: string; readonly fate: NodeFate }

export type ScenePlace = 'the leader' | 'a follower' | 'another node'
/** It is ended in good order; it ends by itself; it reaches no other node, and none reaches it; it does again. */
export type NodeFate = 'stops' | 'ends' | 'is cut off' | 'is back'

export type Step =
  | { readonly kind: 'sent' | 'received'; readonly client: string; readonly text: string; readonly at: string }
  | { readonly kind: 'act'; readonly act: Act; readonly at: string }

/** One story, told on connections of its own. The names in it are its own too: all scenes may share a cluster. */
export interface Scene {
  /** FILE/SCENE. */
  readonly id: string
  readonly title: string
  /** What else cannot tell it: the cluster in virtual time has no Raft, and not everything can be done to processes. */
  readonly onlyOn: 'three processes' | 'virtual time' | null
  /** It disturbs the whole cluster, so nothing else is played meanwhile. */
  readonly isAlone: boolean
  /** What its nodes are told beside the usual, by the names of their flags; most scenes need nothing. */
  readonly settings: ReadonlyMap<string, string>
  /** The feature level at which the cluster stays; null: that of this program. */
  readonly level: number | null
  readonly steps: readonly Step[]
  /** As it stands in the file, and on a page that shows it. */
  readonly text: string
}

const HEADING = /^== ([a-z0-9-]+): (.+)$/
const SAID = /^(?:([a-z][a-z0-9-]*) ?)?([<>]) ?(.*)$/
/** Said about a whole scene, before its first step. */
const THREE_PROCESSES = '* three processes'
const ALONE = '* alone'
const SETTINGS = /^\* settings: (--.+)$/
const LEVEL = /^\* a cluster of level (\d+)$/
/** Of no interest to whoever reads the scene on a page. */
const isStageDirection = (text: string): boolean => text.startsWith('#') || text === THREE_PROCESSES || text === ALONE

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
  const texts = lines.map(({ text }) => text)
  const shown = lines.filter(({ text }) => !isStageDirection(text))
  const acts = shown.filter(({ text }) => text !== '' && !SETTINGS.test(text) && !LEVEL.test(text))
  const steps = acts.map(({ text, at }) => step(text, at))
  const isAlone = texts.includes(ALONE)
  const settings = readSettings(saidBy(SETTINGS, texts) ?? '')
  const disturbing = steps.find((each) => each.kind === 'act' && each.act.kind === 'node')
  if (disturbing !== undefined && !isAlone)
    throw new Error(`${disturbing.at}: only where nothing else is played: ${ALONE}`)
  return {
    id: `${file}/${name}`,
    title,
    onlyOn: onlyOn(texts, settings),
    isAlone,
    settings,
    level: level(texts),
    steps,
    text: `${shown
      .map(({ text }) => text)
      .join('\n')
      .trim()}\n`,
  }
}

/** What the first line that is so says. */
const saidBy = (mark: RegExp, texts: readonly string[]): string | undefined =>
  texts.map((text) => mark.exec(text)?.[1]).find((value) => value !== undefined)

function level(texts: readonly string[]): number | null {
  const said = saidBy(LEVEL, texts)
  return said === undefined ? null : Number(said)
}

/**
 * Whoever forms a cluster of this program has risen with it before a client can ask; and where there are accounts, whoever looks
 * after the processes of a test would need one.
 */
function onlyOn(texts: readonly string[], settings: ReadonlyMap<string, string>): Scene['onlyOn'] {
  if (level(texts) !== null || settings.has('auth-file')) return 'virtual time'
  return texts.includes(THREE_PROCESSES) ? 'three processes' : null
}

/** `--flag VALUE --switch`; a switch has the value `yes`. */
function readSettings(text: string): ReadonlyMap<string, string> {
  const flags = [...text.matchAll(/--([a-z-]+)(?: ((?!--)\S+))?/g)]
  return new Map(flags.map(([, flag = '', value = 'yes']) => [flag, value]))
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
  const place = /^(?:([a-z][a-z0-9-]*) )?at (the leader|a follower|another node)$/.exec(text)
  if (place !== null) return { kind: 'at', client: place[1] ?? '', place: place[2] as ScenePlace }
  const fate = /^(?:([a-z][a-z0-9-]*)'s|the) node (stops|ends|is cut off|is back)$/.exec(text)
  if (fate !== null) return { kind: 'node', client: fate[1] ?? '', fate: fate[2] as NodeFate }
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
