import { cutTo, tableColumns, widthOf } from './terminal-text.js'

export interface TableOptions {
  readonly indent?: string
  /** Columns (the first is 0) of which something may be left out where the line is too short, the last one first. */
  readonly mayCut?: readonly number[]
  /** By default those of the terminal; whatever does not go to one is not cut. */
  readonly columns?: number
}

/** Less of a cell says nothing. */
const CUT_MIN_COLUMNS = 6

/** Lines with columns aligned: the first row is the head. */
export function formatTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const { indent = '', mayCut = [], columns = tableColumns() } = options
  return formatRows(rows, fitted(widthsOf(rows), mayCut, columns - indent.length), indent)
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths = (rows[0] ?? []).map(() => 0)
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))
  return widths
}

const GAP = '  '

function fitted(widths: readonly number[], mayCut: readonly number[], columns: number): number[] {
  const fitting = [...widths]
  let surplus = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - columns
  for (const column of mayCut.toSorted((a, b) => b - a)) {
    const width = fitting[column] ?? 0
    const given = Math.min(Math.max(0, surplus), Math.max(0, width - CUT_MIN_COLUMNS))
    fitting[column] = width - given
    surplus -= given
  }
  return fitting
}

function formatRows(rows: readonly (readonly string[])[], widths: readonly number[], indent: string): string {
  return rows
    .map((row) => (indent + row.map((cell, at) => padded(cell, widths[at] ?? 0)).join(GAP)).trimEnd())
    .join('\n')
}

function padded(cell: string, width: number): string {
  const cut = cutTo(cell, width)
  return cut + ' '.repeat(Math.max(0, width - widthOf(cut)))
}

/** A table that comes in pages: what was wide once stays wide, so that columns hardly ever jump. */
export class PagedTable {
  #widths: number[]
  #isBegun = false

  constructor(
    private readonly head: readonly string[],
    private readonly options: Omit<TableOptions, 'indent'> = {},
  ) {
    this.#widths = widthsOf([head])
  }

  /** With the head before the first one. */
  page(rows: readonly (readonly string[])[]): string {
    if (rows.length === 0 && this.#isBegun) return ''
    const shown = this.#isBegun ? rows : [this.head, ...rows]
    this.#isBegun = true
    const wide = widthsOf(shown)
    this.#widths = this.#widths.map((width, at) => Math.max(width, wide[at] ?? 0))
    const { mayCut = [], columns = tableColumns() } = this.options
    return `${formatRows(shown, fitted(this.#widths, mayCut, columns), '')}\n`
  }
}
