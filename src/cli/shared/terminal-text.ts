/** Words of strangers on a terminal: nothing in them moves the cursor or turns the line round, and they take no more room than there is. */

/** Beyond it lines are hard to read. */
const SENTENCE_MAX_COLUMNS = 100
/** Of whatever reads the output when that is no terminal. */
const COLUMNS_DEFAULT = 80

/** Controls, marks that turn the direction of writing or take no room, other ends of lines, halves of characters. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** `a⏎b` is shown as `a\nb`, in one line. */
export function shown(text: string): string {
  return text.replace(UNSHOWN, (one) => NAMED[one] ?? `\\u{${one.codePointAt(0)?.toString(16)}}`)
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\uff01-\uff60]/u
const CHARACTERS = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Columns that it takes. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of CHARACTERS.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

/** At most so many columns; `…` stands for what is left out. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let cut = ''
  let left = columns - 1
  for (const { segment } of CHARACTERS.segment(text)) {
    left -= widthOf(segment)
    if (left < 0) break
    cut += segment
  }
  return `${cut}…`
}

/** A sentence in lines, the second and later ones behind `indent`. A word that is longer than a line has one of its own. */
export function wrapped(text: string, columns: number, indent: string): string {
  const lines: string[] = []
  let line = /^ */.exec(text)?.[0] ?? ''
  let isBegun = false
  for (const word of text.trim().split(' ')) {
    const longer = isBegun ? `${line} ${word}` : line + word
    if (isBegun && widthOf(longer) > columns) {
      lines.push(line)
      line = indent + word
    } else line = longer
    isBegun = true
  }
  return [...lines, line].join('\n')
}

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** For a table: what goes into a file or another program is never cut. */
export function tableColumns(output: Output = process.stdout): number {
  return output.isTTY === true ? (output.columns ?? COLUMNS_DEFAULT) : Number.POSITIVE_INFINITY
}

export function sentenceColumns(output: Output = process.stdout): number {
  const columns = output.isTTY === true ? (output.columns ?? COLUMNS_DEFAULT) : COLUMNS_DEFAULT
  return Math.min(columns, SENTENCE_MAX_COLUMNS)
}
