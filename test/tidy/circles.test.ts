/** No two files need each other: each can be read, tested and moved with what is below it alone. */
import { describe, expect, it } from 'vitest'
import { circles, importsIn, importsOf, sources } from './imports.js'

const files = sources('src')
const graph = (withTypes: boolean): Map<string, string[]> =>
  new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter(({ target, typeOnly }) => target.startsWith('src/') && (withTypes || !typeOnly))
        .map(({ target }) => target),
    ]),
  )

it('there is no circle of files', () => {
  expect(circles(graph(false))).toEqual([])
})

/** Of types: two files that describe one conversation. Nothing is loaded in a circle; still a reader goes round in it. */
it('there is no circle of types', () => {
  expect(circles(graph(true))).toEqual([])
})

describe('a circle', () => {
  const of = (edges: Record<string, string[]>): string[][] => circles(new Map(Object.entries(edges)))

  it('is found over any number of files', () => {
    expect(of({ a: ['b'], b: ['c'], c: ['a'], d: ['a'] })).toEqual([['a', 'b', 'c']])
    expect(of({ a: ['a'] })).toEqual([['a']])
    expect(of({ a: ['b', 'c'], b: ['c'], c: [] })).toEqual([])
  })

  it('is one of types where only types are imported', () => {
    const kinds = (text: string): boolean[] => importsIn(text, 'src/a.ts').map(({ typeOnly }) => typeOnly)
    expect(kinds("import type { A } from './b.js'\nimport { type A, type B } from './c.js'")).toEqual([true, true])
    expect(kinds("import { type A, b } from './b.js'\nimport './c.js'")).toEqual([false, false])
  })
})
