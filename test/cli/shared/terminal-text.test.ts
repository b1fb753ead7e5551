/** What strangers wrote, on a terminal: harmless, and no wider than it. */
import { describe, expect, it } from 'vitest'
import { formatTable, PagedTable } from '../../../src/cli/shared/table.js'
import { cutTo, sentenceColumns, shown, tableColumns, widthOf, wrapped } from '../../../src/cli/shared/terminal-text.js'

describe('text', () => {
  it('of strangers cannot move the cursor, end a line, or turn it round', () => {
    expect(shown('nightly\nbuild\tok')).toBe('nightly\\nbuild\\tok')
    expect(shown('\u001b[2Jgone \u202eevil\u2066 \u200b \u0085 \ud800')).toBe(
      '\\u{1b}[2Jgone \\u{202e}evil\\u{2066} \\u{200b} \\u{85} \\u{d800}',
    )
    expect(shown('Größe 🔒 数')).toBe('Größe 🔒 数')
  })

  it('takes two columns where its characters are wide', () => {
    expect([widthOf('abc'), widthOf('Größe'), widthOf('数据库'), widthOf('🔒'), widthOf('e\u0301')]).toEqual([
      3, 5, 6, 2, 1,
    ])
    expect([cutTo('abcdef', 6), cutTo('abcdef', 5), cutTo('数据库', 4)]).toEqual(['abcdef', 'abcd…', '数…'])
  })

  it('is wrapped between words, and keeps what stands before it', () => {
    expect(wrapped('  - one two three', 10, '    ')).toBe('  - one\n    two\n    three')
    expect(wrapped('incomprehensibilities are long', 10, '  ')).toBe('incomprehensibilities\n  are long')
    expect(wrapped('', 10, '  ')).toBe('')
  })

  it('knows how wide the terminal is; a file has no end', () => {
    expect([tableColumns({ isTTY: true, columns: 40 }), tableColumns({})]).toEqual([40, Number.POSITIVE_INFINITY])
    expect([sentenceColumns({ isTTY: true, columns: 40 }), sentenceColumns({ isTTY: true, columns: 300 })]).toEqual([
      40, 100,
    ])
    expect(sentenceColumns({})).toBe(80)
  })
})

describe('tables', () => {
  const rows = [
    ['NAME', 'TOKEN', 'META'],
    ['a'.repeat(30), '123', 'words of somebody'],
  ]

  it('are cut where they may be, the last column first, and only as far as they must', () => {
    expect(formatTable(rows)).toBe(`NAME${' '.repeat(28)}TOKEN  META\n${'a'.repeat(30)}  123    words of somebody`)
    const cut = (columns: number) => formatTable(rows, { indent: '  ', mayCut: [0, 2], columns }).split('\n')[1]
    expect(cut(56)).toBe(`  ${'a'.repeat(30)}  123    words of someb…`)
    expect(cut(40)).toBe(`  ${'a'.repeat(22)}…  123    words…`)
    expect(cut(10)).toBe('  aaaaa…  123    words…')
  })

  it('that come in pages keep their columns', () => {
    const table = new PagedTable(['NAME', 'N'])
    expect(table.page([['abcdef', '1']])).toBe('NAME    N\nabcdef  1\n')
    expect(table.page([['a', '2']])).toBe('a       2\n')
    expect(table.page([])).toBe('')
    expect(new PagedTable(['NAME', 'N']).page([])).toBe('NAME  N\n')
  })

  it('may be longer than a call has arguments', () => {
    const many = Array.from({ length: 200_000 }, (_, at) => [String(at)])
    expect(formatTable([['N'], ...many]).split('\n')).toHaveLength(200_001)
  })
})
