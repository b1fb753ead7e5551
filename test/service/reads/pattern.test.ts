import { expect, it } from 'vitest'
import { compilePattern } from '../../../src/service/reads/pattern.js'

it.each([
  ['deploy/.*', 'deploy/a', true],
  ['deploy', 'deploy/a', false],
  ['', '', true],
  ['', 'a', false],
  ['a|ab', 'ab', true],
  ['^a$', 'a', true],
  ['(?i)A[b-d]+', 'abcd', true],
])('RE2 over the whole name: %s against %s', (text, name, matches) => {
  const pattern = compilePattern(text)
  expect('matches' in pattern && pattern.matches(name)).toBe(matches)
})

it.each([
  ['(', 'bad-request', 'missing'],
  ['(?=a)', 'bad-request', 'Perl'],
  ['\\1', 'bad-request', 'escape'],
  ['a{1001}', 'bad-request', 'repeat'],
  ['(((a|b|ab){0,30}){0,30}c)', 'limit', 'too large'],
  ['a'.repeat(1_025), 'limit', '1024'],
])('says what is wrong with %s', (text, code, word) => {
  const pattern = compilePattern(text)
  expect('why' in pattern && pattern.code).toBe(code)
  expect('why' in pattern ? pattern.why : '').toContain(word)
})
