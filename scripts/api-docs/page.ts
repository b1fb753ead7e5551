/** The reference as one page of Markdown: what is exported, by kind and name, with its members. */
import {
  ApiDeclaredItem,
  type ApiEntryPoint,
  type ApiItem,
  ApiItemContainerMixin,
  ApiItemKind,
  ApiReleaseTagMixin,
  ReleaseTag,
} from '@microsoft/api-extractor-model'
import type { DocNode } from '@microsoft/tsdoc'

export interface EntryPage {
  readonly name: string
  readonly api: ApiEntryPoint
}

const LINE_CHARACTERS = 116

const KINDS = [
  [ApiItemKind.Function, 'Functions'],
  [ApiItemKind.Class, 'Classes'],
  [ApiItemKind.Interface, 'Interfaces'],
  [ApiItemKind.TypeAlias, 'Types'],
  [ApiItemKind.Variable, 'Values'],
] as const

export function pageOf(entries: readonly EntryPage[]): string {
  const head = [
    '# The library',
    '',
    'Generated from the sources by `npm run api-docs`. Times are in milliseconds. Every error is a class with a stable',
    '`code` ([errors](errors.md#classes-of-the-library)).',
  ]
  return `${[...head, ...entries.flatMap(entryLines)].join('\n')}\n`
}

function entryLines({ name, api }: EntryPage): string[] {
  const lines = ['', `## \`${name}\``]
  for (const [kind, title] of KINDS) {
    const items = shown(api.members).filter((item) => item.kind === kind)
    if (items.length === 0) continue
    lines.push('', `### ${title}`)
    for (const item of items.sort((one, other) => (one.displayName < other.displayName ? -1 : 1))) {
      lines.push(...itemLines(item))
    }
  }
  return lines
}

function itemLines(item: ApiItem): string[] {
  const lines = ['', `#### ${item.displayName}`, '', ...proseOf(item)]
  const members = ApiItemContainerMixin.isBaseClassOf(item) ? shown(item.members) : []
  const signature = signatureOf(item)
  if (members.length === 0) return [...lines, '```ts', ...signature, '```']
  const inside = members.flatMap((member) => [...remarkOf(member), ...signatureOf(member)].map((line) => `  ${line}`))
  const last = signature.pop() ?? ''
  return [...lines, '```ts', ...signature, `${last} {`, ...inside, '}', '```']
}

/** Without what is not meant for users. */
function shown(items: readonly ApiItem[]): ApiItem[] {
  return items.filter(
    (item) =>
      item.kind !== ApiItemKind.Constructor &&
      !(ApiReleaseTagMixin.isBaseClassOf(item) && item.releaseTag === ReleaseTag.Internal),
  )
}

function signatureOf(item: ApiItem): string[] {
  const text = item instanceof ApiDeclaredItem ? item.excerpt.text : item.displayName
  return text
    .replace(/^export (declare )?(default )?/, '')
    .replace(/;$/, '')
    .trim()
    .split('\n')
}

function proseOf(item: ApiItem): string[] {
  const words = wordsOf(item)
  return words === '' ? [] : [...wrapped(words), '']
}

function remarkOf(item: ApiItem): string[] {
  const words = wordsOf(item)
  if (words === '') return []
  const lines = wrapped(words)
  return lines.length === 1 ? [`/** ${lines[0]} */`] : ['/**', ...lines.map((line) => ` * ${line}`), ' */']
}

/** The comment as one paragraph; empty if there is none. */
function wordsOf(item: ApiItem): string {
  const comment = item instanceof ApiDeclaredItem ? item.tsdocComment : undefined
  return comment === undefined ? '' : textOf(comment.summarySection).replace(/\s+/g, ' ').trim()
}

function wrapped(words: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE_CHARACTERS) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}

function textOf(node: DocNode): string {
  if (node.kind === 'SoftBreak') return ' '
  if (node.kind === 'CodeSpan' && 'code' in node) return `\`${String(node.code)}\``
  if ((node.kind === 'PlainText' || node.kind === 'ErrorText') && 'text' in node) return String(node.text)
  if (node.kind === 'EscapedText' && 'decodedText' in node) return String(node.decodedText)
  const inner = node.getChildNodes().map(textOf).join('')
  return node.kind === 'Paragraph' ? `${inner}\n` : inner
}
