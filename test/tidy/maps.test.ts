/** Pages that list what there is name all of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT, sources } from './imports.js'

const page = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const folders = (path: string): string[] =>
  readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

it('test/README.md names every folder of tests', () => {
  const text = page('test/README.md')
  const all = folders('test').flatMap((name) =>
    name === 'raft' ? folders('test/raft').map((each) => `raft/${each}`) : [name],
  )
  expect(all.length).toBeGreaterThan(15)
  expect(all.filter((name) => !text.includes(`| \`${name}\` |`))).toEqual([])
})

it('docs/testing.md names every command that tests something', () => {
  const { scripts } = JSON.parse(page('package.json')) as { scripts: Record<string, string> }
  const names = Object.keys(scripts).filter((name) => /vitest|^tsx /.test(scripts[name] ?? ''))
  const text = page('docs/testing.md')
  const isNamed = (name: string): boolean => name === 'test' || new RegExp(`npm run ${name}\\b`).test(text)
  expect(names.filter((name) => !isNamed(name))).toEqual([])
})

it('docs/adr has each number once, and in its title', () => {
  const files = readdirSync(join(ROOT, 'docs/adr'))
  const numbers = files.map((name) => Number(name.slice(0, 4)))
  expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([])
  expect(files.filter((name, at) => !page(`docs/adr/${name}`).startsWith(`# ${numbers[at]}. `))).toEqual([])
})

it('docs/glossary.md is in alphabetical order and says where each word is at home', () => {
  const rows = page('docs/glossary.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  const words = rows.map(([, word = '']) => word.toLowerCase())
  expect(words.length).toBeGreaterThan(20)
  expect(words).toEqual([...words].sort())
  expect(rows.filter((cells) => cells.length !== 6 || !/`\w+\/|\]\(/.test(cells[4] ?? ''))).toEqual([])
})

it('every file of src says what it is for', () => {
  const silent = sources('src').filter((file) => !/^\s*(?:\/\*|\/\/)/m.test(page(file)))
  expect(silent).toEqual([])
})
