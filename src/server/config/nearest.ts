/** The name that a misspelled one was meant to be. */

/** More changes than a third of the letters make another word. */
const MOST_CHANGES_SHARE = 1 / 3

/** Of `names` the one that needs the fewest changes of single letters or swaps of two neighbours, or is only cut or continued; null if none is near. */
export function nearest(word: string, names: Iterable<string>): string | null {
  let best: string | null = null
  let fewest = Math.max(1, Math.floor(word.length * MOST_CHANGES_SHARE)) + 1
  for (const name of names) {
    const isCut = name.startsWith(word) || word.startsWith(name)
    const changes = isCut ? 1 : changesBetween(word, name)
    if (changes >= fewest) continue
    best = name
    fewest = changes
  }
  return best
}

/** Letters to insert, delete, replace or swap with the next one (Damerau and Levenshtein), row by row of the table. */
function changesBetween(from: string, to: string): number {
  let rowBefore: readonly number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1)
      const isSwap = from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1]
      const swapped = isSwap ? (rowBefore[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min(replaced, swapped, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    rowBefore = row
    row = next
  }
  return row[to.length] ?? 0
}
