import { formatTable } from '../../src/cli/shared/table.js'

export interface Row {
  readonly name: string
  readonly expected: string
  readonly ok: boolean
  readonly seen: string
}

const CELL_WIDTH = 56

/** One table: trial, expected, seen. Long cells go on below themselves. */
export function renderTable(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ name, expected, ok, seen }) => {
    const [left, right] = [wrap(expected), wrap(seen)]
    const height = Math.max(left.length, right.length)
    return Array.from({ length: height }, (_, line) => [
      line === 0 ? name : '',
      left[line] ?? '',
      right[line] ?? '',
      line === 0 ? (ok ? 'ok' : 'FAIL') : '',
    ])
  })
  return formatTable([['TRIAL', 'EXPECTED', 'SEEN', ''], ...lines])
}

/** At least one line; breaks at spaces, and inside a word only if the word alone is too long. */
function wrap(text: string): string[] {
  const words = text.split(/\s+/).flatMap((word) => word.match(new RegExp(`.{1,${CELL_WIDTH}}`, 'g')) ?? [])
  const lines = ['']
  for (const word of words) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= CELL_WIDTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
