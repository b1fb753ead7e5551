/** A name stands for one thing: who reads `Session` need not look up which one is meant. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT, sources } from './imports.js'

/** The exported classes of each file. */
type Classes = readonly (readonly [file: string, names: readonly string[]])[]

const classesIn = (text: string): string[] =>
  [...text.matchAll(/^export (?:abstract )?class (\w+)/gm)].map(([, name = '']) => name)

function takenTwice(classes: Classes): string[] {
  const homes = new Map<string, string[]>()
  for (const [file, names] of classes) for (const name of names) homes.set(name, [...(homes.get(name) ?? []), file])
  return [...homes].filter(([, files]) => files.length > 1).map(([name, files]) => `${name}: ${files.join(', ')}`)
}

it('no two exported classes have one name', () => {
  const classes = sources('src').map((file) => [file, classesIn(readFileSync(join(ROOT, file), 'utf8'))] as const)
  expect(classes.flatMap(([, names]) => names).length).toBeGreaterThan(100)
  expect(takenTwice(classes)).toEqual([])
})

it('a second class of the same name is noticed', () => {
  const [one, two] = ['export class Line {}\nclass Word {}\n', '/** A line. */\nexport abstract class Line {}\n'].map(
    classesIn,
  )
  expect(
    takenTwice([
      ['a.ts', one ?? []],
      ['b.ts', two ?? []],
    ]),
  ).toEqual(['Line: a.ts, b.ts'])
})

it('only the command codec makes code from text', () => {
  const makers = sources('src').filter((file) =>
    /\bnew Function\b|\beval\(/.test(readFileSync(join(ROOT, file), 'utf8')),
  )
  expect(makers).toEqual(['src/locks/commands/codec.ts'])
})
